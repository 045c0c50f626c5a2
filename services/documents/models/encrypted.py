"""Which columns are encrypted, for `python -m ops keys rotate`."""

from typing import Final

from libs.common.rekey import EncryptedColumn

# Beside the replies that every service keeps for repeated requests.
ENCRYPTED: Final[tuple[EncryptedColumn, ...]] = ()
