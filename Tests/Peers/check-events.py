"""Reads CloudEvents, one JSON text a line, with the SDK of the CloudEvents project; prints how many it accepted."""

import json
import sys

from cloudevents.conversion import to_json
from cloudevents.http import from_json

seen = set()
for line in open(sys.argv[1]):
    event = from_json(line)
    attributes = event.get_attributes()
    for name in attributes:
        # The names that the specification allows: a consumer in another language may accept no others.
        assert name.isascii() and name.isalnum() and name == name.lower(), name
    assert attributes["specversion"] == "1.0", attributes
    identity = attributes["source"], attributes["id"]
    assert identity not in seen, identity
    seen.add(identity)
    again = json.loads(to_json(event))
    sent = json.loads(line)
    # The SDK writes the offset of UTC as a number.
    assert {**again, "time": ""} == {**sent, "time": ""}, (again, sent)
print(len(seen))
