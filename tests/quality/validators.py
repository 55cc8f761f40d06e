"""Random and mutated numbers, judged by python-stdnum and by our detectors: both must say the same of each.

Ours is the example `verdicts` of the gateway's policy crate, which reads numbers and answers yes or no. Where the two mean
different things by valid, KINDS says so.
"""

import argparse
import random
import string
import subprocess
import sys

from stdnum import iban, luhn
from stdnum.au import abn, tfn
from stdnum.br import cnpj, cpf
from stdnum.ca import sin
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs, utr
from stdnum.in_ import aadhaar
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pl import pesel
from stdnum.us import rtn

LETTERS = string.ascii_uppercase


def digits(random, count):
    return "".join(random.choices(string.digits, k=count))


def spanish(random):
    letter = random.choice("TRWAGMYFPDXBNJZSQVHLCKE")
    if random.random() < 0.5:
        return digits(random, 8) + letter
    return random.choice("XYZ") + digits(random, 7) + letter


def italian(random):
    name = "".join(random.choices("BCDFGLMNPRSTVZ", k=6))
    birth = f"{digits(random, 2)}{random.choice('ABCDEHLMPRST')}{digits(random, 2)}"
    return f"{name}{birth}{random.choice('ABCDEFGHIL')}{digits(random, 3)}{random.choice(LETTERS)}"


def french(random):
    birth = f"{random.choice('12')}{digits(random, 2)}{random.randint(1, 12):02}"
    number = f"{birth}{random.randint(1, 95):02}{digits(random, 3)}{digits(random, 3)}"
    return number + f"{random.randint(1, 97):02}"


def polish(random):
    month = random.choice((0, 20)) + random.randint(1, 12)
    return f"{digits(random, 2)}{month:02}{random.randint(1, 31):02}{digits(random, 5)}"


def bank(random):
    country, length = random.choice((("DE", 18), ("GB", None), ("AT", 16), ("PT", 21), ("DK", 14)))
    account = digits(random, length) if length else "".join(random.choices(LETTERS, k=4)) + digits(random, 14)
    return f"{country}{random.randint(2, 98):02}{account}"


def plain(count):
    return lambda random: digits(random, count)


def first(choices, count):
    return lambda random: random.choice(choices) + digits(random, count - 1)


# The first two digits of routing numbers of banks of the United States.
DISTRICTS = {*range(0, 13), *range(21, 33), *range(61, 73), 80}

# The kind, the name of the member that it stands in, how a number is made, and who judges it.
KINDS = [
    ("UkNhsNumber", "nhs_number", plain(10), nhs.is_valid),
    ("UkUtr", "utr", plain(10), utr.is_valid),
    ("CaSin", "sin", plain(9), sin.is_valid),
    ("AuTfn", "tfn", plain(9), tfn.is_valid),
    ("AuAbn", "abn", plain(11), abn.is_valid),
    ("InAadhaar", "aadhaar", plain(12), aadhaar.is_valid),
    ("BrCpf", "cpf", plain(11), cpf.is_valid),
    ("BrCnpj", "cnpj", plain(14), cnpj.is_valid),
    ("DeTaxId", "steuerId", plain(11), idnr.is_valid),
    ("EsNif", "nif", spanish, lambda number: dni.is_valid(number) or nie.is_valid(number)),
    ("FrNir", "nir", french, nir.is_valid),
    # python-stdnum takes days above 80 too; the last one of a woman is 71.
    ("ItFiscalCode", "codice_fiscale", italian, lambda number: codicefiscale.is_valid(number) and number[9:11] <= "71"),
    ("NlBsn", "bsn", plain(9), bsn.is_valid),
    ("PlPesel", "pesel", polish, pesel.is_valid),
    # Ours asks for a district that there is as well.
    ("UsBankRouting", "routing_number", plain(9), lambda number: rtn.is_valid(number) and int(number[:2]) in DISTRICTS),
    ("Iban", "iban", bank, lambda number: iban.is_valid(number, check_country=False)),
    # Of cards only the check digit is compared: this prefix and length are Visa's.
    ("CreditCard", "card", first("4", 16), luhn.is_valid),
]


def mutated(random, number):
    place = random.randrange(len(number))
    letters = string.digits if number[place].isdigit() else LETTERS
    return number[:place] + random.choice(letters) + number[place + 1 :]


def numbers(random, make, is_valid, count):
    """Some at random, and as many valid ones, each with one of which a character has changed."""
    made = []
    while len(made) < count:
        made.append(make(random))
        # One in a hundred is valid where the check is strongest.
        valid = next((number for number in (make(random) for _ in range(400)) if is_valid(number)), None)
        if valid is not None:
            made += [valid, mutated(random, valid)]
    return made[:count]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verdicts", required=True, help="the example `verdicts`, built")
    parser.add_argument("--count", type=int, default=4000, help="numbers for each kind")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    differences = 0
    for kind, label, make, is_valid in KINDS:
        generator = random.Random(f"{arguments.seed} {kind}")
        asked = numbers(generator, make, is_valid, arguments.count)
        lines = "".join(f"{kind} {label} {number}\n" for number in asked)
        run = subprocess.run([arguments.verdicts], input=lines, capture_output=True, text=True, check=True)
        ours = run.stdout.split()
        if len(ours) != len(asked):
            sys.exit(f"{kind}: {len(ours)} verdicts on {len(asked)} numbers")
        theirs = ["yes" if is_valid(number) else "no" for number in asked]
        other = [(number, our, their) for number, our, their in zip(asked, ours, theirs) if our != their]
        print(f"{kind}: {len(asked)} numbers, {theirs.count('yes')} valid, {len(other)} differences")
        for number, our, their in other[:5]:
            print(f"  {number}: we say {our}, python-stdnum says {their}")
        differences += len(other)
        if not 0 < theirs.count("yes") < len(asked):
            sys.exit(f"{kind}: all verdicts are the same, so they prove nothing")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
