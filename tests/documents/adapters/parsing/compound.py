"""Writes compound files ([MS-CFB]), which olefile only reads: for mails of Outlook's."""

import struct
from dataclasses import dataclass, field

SECTOR = 512
MINI = 64
FREE, END, FAT_SECTOR = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
Tree = dict[str, "bytes | Tree"]


@dataclass
class _Entry:
    name: str
    kind: int
    content: bytes = b""
    children: list[int] = field(default_factory=list)
    child: int = FREE
    right: int = FREE
    start: int = END
    size: int = 0


def make_compound(tree: Tree) -> bytes:
    """Make a compound file of streams (bytes) and storages (dicts)."""
    entries = [_Entry("Root Entry", 5)]
    _add(entries, 0, tree)
    mini, mini_fat = bytearray(), list[int]()
    sectors, fat = list[bytes](), list[int]()
    for entry in entries:
        if entry.kind != 2 or not entry.content:
            continue
        entry.size = len(entry.content)
        if entry.size < 4096:
            entry.start = len(mini) // MINI
            mini += _padded(entry.content, MINI)
            _chain(mini_fat, -(-entry.size // MINI))
        else:
            entry.start = _store(sectors, fat, entry.content)
    entries[0].start, entries[0].size = _store(sectors, fat, bytes(mini)), len(mini)
    mini_fat_start = _store(sectors, fat, struct.pack(f"<{len(mini_fat)}I", *mini_fat))
    directory = b"".join(_directory_entry(entry) for entry in entries)
    directory_start = _store(sectors, fat, directory)
    # The table of sectors has to hold itself as well.
    count = 1
    while count * 128 < len(fat) + count:
        count += 1
    first = len(fat)
    fat += [FAT_SECTOR] * count
    fat += [FREE] * (count * 128 - len(fat))
    table = struct.pack(f"<{len(fat)}I", *fat)
    sectors += [table[at : at + SECTOR] for at in range(0, len(table), SECTOR)]
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIII", 0, count, directory_start, 0, 4096, mini_fat_start)
    header += struct.pack("<III", -(-len(mini_fat) * 4 // SECTOR), END, 0)
    places = [first + number for number in range(count)] + [FREE] * (109 - count)
    header += struct.pack("<109I", *places)
    return header + b"".join(sectors)


def _add(entries: list[_Entry], parent: int, tree: Tree) -> None:
    # Readers search siblings as a tree ordered by length and name; a chain to the right is one.
    before: int | None = None
    for name in sorted(tree, key=lambda name: (len(name), name.upper())):
        value = tree[name]
        place = len(entries)
        if isinstance(value, bytes):
            entries.append(_Entry(name, 2, content=value))
        else:
            entries.append(_Entry(name, 1))
        if before is None:
            entries[parent].child = place
        else:
            entries[before].right = place
        before = place
        if not isinstance(value, bytes):
            _add(entries, place, value)


def _directory_entry(entry: _Entry) -> bytes:
    name = entry.name.encode("utf-16-le") + b"\0\0"
    packed = name.ljust(64, b"\0") + struct.pack("<HBB", len(name), entry.kind, 1)
    packed += struct.pack("<III", FREE, entry.right, entry.child) + bytes(36)
    return packed + struct.pack("<IQ", entry.start, entry.size)


def _store(sectors: list[bytes], fat: list[int], content: bytes) -> int:
    if not content:
        return END
    start = len(sectors)
    padded = _padded(content, SECTOR)
    sectors += [padded[at : at + SECTOR] for at in range(0, len(padded), SECTOR)]
    _chain(fat, len(padded) // SECTOR)
    return start


def _chain(table: list[int], count: int) -> None:
    start = len(table)
    table += [*range(start + 1, start + count), END]


def _padded(content: bytes, size: int) -> bytes:
    return content + bytes(-len(content) % size)
