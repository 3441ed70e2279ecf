"""The items in the order of their stages."""

from iomux.conformance.redis import (
    expiry,
    first_words,
    forgetting,
    framing,
    handshake,
    refused,
    sharing,
    subscribing,
    unread,
    values,
)
from iomux.conformance.redis.items import REDIS_ITEMS

_FAMILIES = (
    first_words,
    expiry,
    forgetting,
    values,
    framing,
    refused,
    handshake,
    sharing,
    subscribing,
    unread,
)
STAGED = {
    name: item for family in _FAMILIES for name, item in REDIS_ITEMS.items() if item.trial.__module__ == family.__name__
}
"""Every item by its name, in the order in which a report has them."""
