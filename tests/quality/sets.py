"""Sentences with values planted in them, as presidio-evaluator makes them, and who finds them: one table for each kind of value.

A value counts as found if something of its kind stands where it stands, in part at least. Something that is found where
no value of its kind was planted is a false find. Who finds nothing of a kind has no precision there.
"""

import argparse
import importlib.metadata
import json
import logging
import random
import subprocess

KINDS = ["CREDIT_CARD", "US_SSN", "IBAN_CODE", "EMAIL_ADDRESS", "IP_ADDRESS", "PHONE_NUMBER"]

OURS = {
    "CreditCard": "CREDIT_CARD",
    "UsSsn": "US_SSN",
    "Iban": "IBAN_CODE",
    "Email": "EMAIL_ADDRESS",
    "IpAddress": "IP_ADDRESS",
    "Phone": "PHONE_NUMBER",
}

DATAFOG = {
    "CREDIT_CARD": "CREDIT_CARD",
    "SSN": "US_SSN",
    "IBAN": "IBAN_CODE",
    "EMAIL": "EMAIL_ADDRESS",
    "IP_ADDRESS": "IP_ADDRESS",
    "PHONE": "PHONE_NUMBER",
}

CPEX = {
    "credit_card": "CREDIT_CARD",
    "ssn": "US_SSN",
    "bank_account": "IBAN_CODE",
    "email": "EMAIL_ADDRESS",
    "ip_address": "IP_ADDRESS",
    "phone": "PHONE_NUMBER",
}


def sentences(count, seed):
    """Texts with the places of what was planted in them."""
    import numpy
    from faker import Faker
    from presidio_evaluator.data_generator import PresidioSentenceFaker

    random.seed(seed)
    numpy.random.seed(seed)
    Faker.seed(seed)
    maker = PresidioSentenceFaker("en_US", lower_case_ratio=0.05, random_seed=seed)
    made = []
    for sample in maker.generate_new_fake_sentences(num_samples=count):
        spans = [(span.entity_type, span.start_position, span.end_position) for span in sample.spans]
        made.append((sample.full_text, spans))
    return made


def characters(text, start, end):
    """Where bytes of the text's UTF-8 stand among its characters."""
    return tuple(len(text.encode()[:place].decode(errors="ignore")) for place in (start, end))


def ours(found):
    def all_of(texts):
        lines = "".join(json.dumps(text) + "\n" for text in texts)
        run = subprocess.run([found], input=lines, capture_output=True, text=True, check=True)
        for text, line in zip(texts, run.stdout.splitlines(), strict=True):
            yield [(OURS.get(kind, kind), *characters(text, start, end)) for kind, start, end in json.loads(line)]

    return all_of


def presidio():
    from presidio_analyzer import predefined_recognizers as all_of_them

    names = ["CreditCard", "Email", "Iban", "Ip", "UsSsn", "Phone"]
    recognizers = [getattr(all_of_them, f"{name}Recognizer")() for name in names]

    def found(text):
        results = [result for one in recognizers for result in one.analyze(text, one.supported_entities, None)]
        return [(result.entity_type, result.start, result.end) for result in results]

    return found


def datafog():
    import datafog_core

    def found(text):
        places = [(one.entity_type, one.codepoint_range) for one in datafog_core.scan(text)]
        return [(DATAFOG.get(kind, kind), place.start, place.end) for kind, place in places]

    return found


def cpex():
    from cpex_pii_filter import PIIDetectorRust

    detector = PIIDetectorRust({f"detect_{name}": True for name in CPEX})

    def found(text):
        return [
            (CPEX.get(kind, kind), *characters(text, one["start"], one["end"]))
            for kind, places in detector.detect(text).items()
            for one in places
        ]

    return found


def touches(one, other):
    return one[1] < other[2] and other[1] < one[2]


def measure(samples, all_found, kind):
    """How many were planted, how many of those were found, and how many finds there were, with those that are false."""
    planted = reached = finds = false = 0
    for (_, spans), found in zip(samples, all_found, strict=True):
        wanted = [span for span in spans if span[0] == kind]
        seen = [place for place in found if place[0] == kind]
        planted += len(wanted)
        reached += sum(any(touches(span, place) for place in seen) for span in wanted)
        finds += len(seen)
        false += sum(not any(touches(span, place) for span in wanted) for place in seen)
    return planted, reached, finds, false


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--found", required=True, help="the example `found`, built")
    parser.add_argument("--count", type=int, default=20000, help="sentences")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--misses", type=int, default=0, help="how many misses and false finds of ours to print, for each kind")
    arguments = parser.parse_args()
    # presidio-analyzer looks for a newer list of domains, and does without.
    logging.disable(logging.ERROR)
    samples = sentences(arguments.count, arguments.seed)
    texts = [text for text, _ in samples]
    engines = [("Lychgate, every detector", list(ours(arguments.found)(texts)))]
    for package, make in [("presidio-analyzer", presidio), ("datafog-core", datafog), ("cpex-pii-filter", cpex)]:
        finds = make()
        engines.append((f"{package} {importlib.metadata.version(package)}", [finds(text) for text in texts]))
    print(f"{len(texts)} sentences of presidio-evaluator {importlib.metadata.version('presidio-evaluator')}")
    print("| | " + " | ".join(KINDS) + " |")
    print("| --- |" + " --- |" * len(KINDS))
    for name, all_found in engines:
        cells = []
        for kind in KINDS:
            planted, reached, finds, false = measure(samples, all_found, kind)
            precision = f"{1 - false / finds:.3f}" if finds else "none"
            cells.append(f"{reached / planted:.3f} of {planted}, {precision}")
        print(f"| {name} | " + " | ".join(cells) + " |")
    for kind in KINDS:
        left = arguments.misses
        for (text, spans), found in zip(samples, engines[0][1]):
            wanted = [span for span in spans if span[0] == kind]
            seen = [place for place in found if place[0] == kind]
            missed = [text[start:end] for _, start, end in wanted if not any(touches((0, start, end), place) for place in seen)]
            false = [text[start:end] for _, start, end in seen if not any(touches(span, (0, start, end)) for span in wanted)]
            if left and (missed or false):
                left -= 1
                print(f"{kind}: missed {missed}, false {false}, in {text!r}; found {found}")


if __name__ == "__main__":
    main()
