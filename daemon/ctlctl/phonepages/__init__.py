"""What phones' own web pages say, read: bytes in, frozen facts out.

Pure: no socket, file or clock. Firmware of twenty years spells these pages in XML, in tables and in lines of text, in
the language of its user; all of them are rows of a label and a value here. What a page does not say is None, and a
page that says nothing known raises `PageError`, so that half a page or somebody else's never passes for "no list".
"""

from ctlctl.phonepages.charset import decode
from ctlctl.phonepages.facts import PageFacts
from ctlctl.phonepages.reading import MAX_PAGE_BYTES, PageError, PageProblem, parse_page, read_hash

__all__ = [
    "MAX_PAGE_BYTES",
    "PageError",
    "PageFacts",
    "PageProblem",
    "decode",
    "parse_page",
    "read_hash",
]
