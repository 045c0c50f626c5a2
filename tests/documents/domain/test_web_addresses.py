"""One spelling for each page, and which pages belong to a site."""

import time

import pytest

from services.documents.domain.web_addresses import BadAddress, Scope, is_trap, read_address


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("HTTP://Shop.Example:80", "http://shop.example/"),
        ("https://shop.example:443/a/./b/../c", "https://shop.example/a/c"),
        ("https://shop.example/a#part", "https://shop.example/a"),
        ("https://shop.example/a?b=2&a=1", "https://shop.example/a?a=1&b=2"),
        ("https://shop.example/?utm_source=x&gclid=1&q=tea", "https://shop.example/?q=tea"),
        ("https://shop.example/%7euser/%e4", "https://shop.example/~user/%E4"),
        ("https://shop.example/ä", "https://shop.example/%C3%A4"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://shop.example//a///b", "https://shop.example/a/b"),
        ("https://shop.example/a;jsessionid=1F?x=1", "https://shop.example/a?x=1"),
        ("https://shop.example/../../a", "https://shop.example/a"),
        ("https://shop.example.:8443/", "https://shop.example:8443/"),
    ],
)
def test_one_spelling(written: str, url: str) -> None:
    assert read_address(written).url == url
    assert read_address(url).url == url


def test_one_key_for_a_page() -> None:
    spellings = [
        "http://shop.example/a",
        "https://shop.example/a/",
        "https://www.shop.example/a#top",
        "https://shop.example/a?utm_medium=mail",
    ]

    assert {read_address(each).key for each in spellings} == {"shop.example/a"}
    assert read_address("https://shop.example").key == "shop.example/"


@pytest.mark.parametrize(
    "written",
    [
        "",
        "shop",
        "mailto:a@b.example",
        "http://",
        "http://a b/",
        "http://a..b/",
        "http://[::1",
        "x:",
    ],
)
def test_what_is_no_page(written: str) -> None:
    with pytest.raises(BadAddress):
        read_address(written)


def test_links_are_read_where_they_stand() -> None:
    base = "https://shop.example/docs/start"

    assert read_address("../faq", base=base).url == "https://shop.example/faq"
    assert read_address("//cdn.example/x", base=base).url == "https://cdn.example/x"
    assert read_address("\n kettle s ", base=base).url == "https://shop.example/docs/kettles"


class TestScope:
    @pytest.mark.parametrize(
        ("pattern", "path", "fits"),
        [
            ("/docs", "/docs/a", True),
            ("/docs/", "/docs", False),
            ("/docs/*.html$", "/docs/x/y.html", True),
            ("/docs/*.html$", "/docs/y.html?print=1", False),
            ("*/print", "/a/b/print/1", True),
            ("/a$", "/a", True),
            ("/a$", "/ab", False),
            ("/a*a$", "/a", False),
            ("*", "/anything", True),
        ],
    )
    def test_patterns(self, pattern: str, path: str, *, fits: bool) -> None:
        scope = Scope(site="shop.example", allowed=[pattern])

        assert (scope.why_not(read_address(f"https://shop.example{path}")) is None) is fits

    def test_patterns_take_no_time(self) -> None:
        scope = Scope(site="shop.example", disallowed=["/" + "*a" * 200 + "b$"])
        began = time.perf_counter()

        scope.why_not(read_address("https://shop.example/" + "a" * 1900))

        assert time.perf_counter() - began < 0.1

    def test_other_hosts_are_other_sites(self) -> None:
        scope = Scope(site="shop.example")

        for url in (
            "https://blog.shop.example/",
            "https://shop.example.evil/",
            "http://shop.example:81/",
        ):
            assert scope.why_not(read_address(url)) == "other_site"
        assert scope.why_not(read_address("http://www.shop.example/")) is None


def test_traps() -> None:
    for path in ("/a/b/a/b/a/b/a/b", "/x" * 30, "/photo.JPG", "/archive.tar.gz"):
        assert is_trap(read_address(f"https://shop.example{path}")), path
    for path in ("/a/b/c", "/2026/01/02/a-post", "/terms.pdf", "/a?file=x.jpg"):
        assert not is_trap(read_address(f"https://shop.example{path}")), path
