"""Addresses, and the names made of them."""

import pytest

from services.auth.domain.accounts import clean_email, email_key, username_from
from services.auth.domain.errors import InvalidEmail


@pytest.mark.parametrize(
    ("typed", "clean"),
    [
        (" Ada@Acme.COM ", "Ada@acme.com"),
        ("admin@acme.test", "admin@acme.test"),
        ("admin@acme.local", "admin@acme.local"),
        ("first.last+tag@sub.example.org", "first.last+tag@sub.example.org"),
    ],
)
def test_addresses_are_cleaned(typed: str, clean: str) -> None:
    assert clean_email(typed) == clean


@pytest.mark.parametrize(
    "typed",
    ["", "ada", "ada@", "@acme.com", "a b@acme.com", "ada@acme", "ada@acme..com", "a\n@b.de"],
)
def test_what_is_no_address_is_told(typed: str) -> None:
    with pytest.raises(InvalidEmail):
        clean_email(typed)


def test_an_account_is_one_however_its_address_is_typed() -> None:
    assert email_key(" Ada@Acme.com") == email_key("ada@ACME.COM ")


def test_a_user_name_comes_from_the_address() -> None:
    assert username_from("ada.lovelace@acme.test") == "ada.lovelace"
    assert len(username_from(f"{'x' * 64}@acme.test")) == 50
