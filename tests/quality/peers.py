"""What others find of the same values, plain and in disguise, and of what only looks like them: one table.

The values are of six kinds that all of them know. A text counts as found if anything is found in it, whatever it is called.
"""

import argparse
import base64
import importlib.metadata
import json
import statistics
import subprocess
import timeit
import urllib.parse

VALUES = [
    "ada.lovelace@example.com",
    "4111 1111 1111 1111",
    "123-45-6789",
    "+44 20 7946 0958",
    "DE89370400440532013000",
    "203.0.113.77",
]


# An answer of 2 KiB without anything to find.
ROW = '{"id":17,"title":"Invoice export fails","state":"open","labels":["billing","export"],"comments":4},'
ANSWER = f"[{ROW * (2048 // len(ROW))}]"


def each(text, write):
    return "".join(write(character) for character in text)


def wide(character):
    return chr(ord(character) + 0xFEE0) if "!" <= character <= "~" else character


DISGUISES = {
    "zero width": lambda text: "\u200b".join(text),
    "soft hyphens": lambda text: "\u00ad".join(text),
    "marks of direction": lambda text: "\u202d" + "\u200e".join(text) + "\u202c",
    "full width": lambda text: each(text, wide),
    "percent": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent, signs alone": lambda text: urllib.parse.quote(text, safe=""),
    "references": lambda text: each(text, lambda character: f"&#{ord(character)};"),
    "escapes of JSON": lambda text: each(text, lambda character: f"\\u{ord(character):04x}"),
    "base64": lambda text: base64.b64encode(f"value: {text}".encode()).decode(),
    "behind a line break in JSON in JSON": lambda text: json.dumps(json.dumps("a\n" + text)),
}

LOOKALIKES = [
    "550e8400-e29b-41d4-a716-446655440000",
    "12345678-1234-4234-8234-123456789012",
    "41111111-1111-4111-8111-111111111111",
    "507f1f77bcf86cd799439011",
    "2024-05-06T12:30:45.123456789Z",
    "2024-05-06 12:30:45.000123",
    "1715000000",
    "1715000000000",
    "1715000000000000",
    "5eb63bbbe01eeed093cb22bb8f5acdc3",
    "commit 9c7cde2f4e8a1b0c3d5e6f708192a3b4c5d6e7f8",
    "order 1234567890",
    "ORD-2024-000123456",
    "1.2.3-20240506",
    "v1.2.3.4",
    "52.520008, 13.404954",
    "127.0.0.1:8080",
    "0.1234567890123456",
    "1,234,567,890.12",
    "978-3-16-148410-0",
]

# What finds every date and every five digits is left out where it can be.
DATAFOG_LEFT_OUT = {"DATE", "ZIP_CODE"}


def presidio():
    from presidio_analyzer import predefined_recognizers as all_of_them

    names = ["CreditCard", "Email", "Iban", "Ip", "UsSsn", "Phone"]
    recognizers = [getattr(all_of_them, f"{name}Recognizer")() for name in names]

    def finds(text):
        return any(one.analyze(text, one.supported_entities, None) for one in recognizers)

    return finds


def datafog():
    import datafog_core

    return lambda text: any(found.entity_type not in DATAFOG_LEFT_OUT for found in datafog_core.scan(text))


def cpex():
    from cpex_pii_filter import PIIDetectorRust

    names = ["ssn", "credit_card", "email", "phone", "ip_address", "bank_account"]
    detector = PIIDetectorRust({f"detect_{name}": True for name in names})
    return lambda text: bool(detector.detect(text))


def ours(verdicts):
    def all_of(texts):
        lines = "".join(f"All text {text}\n" for text in texts)
        run = subprocess.run([verdicts], input=lines, capture_output=True, text=True, check=True)
        return [verdict == "yes" for verdict in run.stdout.split()]

    return all_of


def microseconds(finds):
    """What one look at an answer of 2 KiB takes, the middle one of many."""
    finds(ANSWER)
    return statistics.median(timeit.repeat(lambda: finds(ANSWER), number=1, repeat=201)) * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verdicts", required=True, help="the example `verdicts`, built")
    arguments = parser.parse_args()
    disguised = [hide(value) for value in VALUES for hide in DISGUISES.values()]
    peers = [("presidio-analyzer", presidio), ("datafog-core", datafog), ("cpex-pii-filter", cpex)]
    # `make bench` says how long ours takes.
    engines = [("Lychgate, every detector", ours(arguments.verdicts), None)]
    for package, make in peers:
        finds = make()
        name = f"{package} {importlib.metadata.version(package)}"
        engines.append((name, lambda texts, finds=finds: [finds(text) for text in texts], microseconds(finds)))
    print(f"| | found of {len(VALUES)} plain | found of {len(disguised)} disguised | kept of {len(LOOKALIKES)} look-alikes | µs for 2 KiB |")
    print("| --- | --- | --- | --- | --- |")
    for name, all_of, time in engines:
        plain, hidden, kept = (sum(all_of(texts)) for texts in (VALUES, disguised, LOOKALIKES))
        print(f"| {name} | {plain} | {hidden} | {len(LOOKALIKES) - kept} | {f'{time:,.0f}' if time else ''} |")


if __name__ == "__main__":
    main()
