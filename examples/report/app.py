"""Example function: sums quotes by country. Standard library only."""

import os
from collections import defaultdict
from decimal import Decimal


def handler(event, context):
    totals = defaultdict(Decimal)
    for quote in event.get("quotes", []):
        totals[quote["country"]] += Decimal(quote["total"])
    print(f"reported on {len(totals)} countries")
    return {
        "title": os.environ.get("TITLE", "Quotes"),
        "version": context.function_version,
        "totals": {country: str(total) for country, total in sorted(totals.items())},
    }
