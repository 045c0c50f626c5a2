"""XML inside of packed files: entities and external parts are refused, not resolved."""

from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from services.documents.domain.errors import CorruptDocument


def tree_of(content: bytes) -> Element:
    """Parse a whole document.

    Raises:
        CorruptDocument: It is no XML, or uses entities.
    """
    try:
        root: Element = fromstring(content)
    except DefusedXmlException as error:
        raise CorruptDocument(
            "The file uses XML entities or external parts, which are not read."
        ) from error
    except ParseError as error:
        raise CorruptDocument from error
    return root


def local_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]
