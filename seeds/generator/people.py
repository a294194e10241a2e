"""People, households, numbers and addresses; and how a record writes a person's name, number and birthday.

What belongs here: who exists, and the noise of writing them down. What does not: what they do (`behaviour.py`),
and how rows are delivered (`deliveries.py`).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seeds.generator.vocabulary import Bools, Floats, Ints, Profile, Words, behaviour, pick, stream, words

FULL_WIDTH_DIGITS = {str(digit): chr(0xFF10 + digit) for digit in range(10)}
# Ranges that Chinese carriers hand out; the eight digits after them are drawn.
MOBILE_RANGES = ((130, 134), (135, 140), (150, 154), (155, 160), (175, 179), (180, 184), (185, 190), (198, 200))
MOBILE_PREFIXES = np.concatenate([np.arange(*bounds) for bounds in MOBILE_RANGES])
TENS = np.array([10**n for n in range(8)])
NAME_FORMS = ("title", "nickname", "masked", "pinyin", "traditional", "full_width", "homophone", "similar", "missing")
PHONE_FORMS = (
    "missing",
    "masked",
    "country_code",
    "separated",
    "full_width",
    "wrong_digit",
    "transposed",
    "landline",
    "placeholder",
)


def join(*parts: pa.Array | str) -> pa.Array:
    """Join string arrays element by element."""
    return pc.binary_join_element_wise(*parts, "")


def assemble(form: Ints, builders: dict[int, Callable[[Ints], pa.Array]]) -> pa.Array:
    """Build each element by the builder of its form; a builder gets positions and returns their strings."""
    pieces, places = [], []
    for code, build in builders.items():
        where = np.flatnonzero(form == code)
        if len(where):
            pieces.append(build(where).cast(pa.string()))
            places.append(where)
    if not pieces:
        return pa.array([], pa.string())
    back = np.empty(len(form), np.int64)
    back[np.concatenate(places)] = np.arange(len(form))
    return pa.concat_arrays(pieces).take(pa.array(back))


def nothing(where: Ints) -> pa.Array:
    """Missing strings."""
    return pa.nulls(len(where), pa.string())


@dataclass
class People:
    """One element per person in every array; days are days since 1970, `-1` and `0` mean none where said."""

    profile: Profile
    household: Ints
    head: Ints  # index of the head of the household
    surname: Ints
    given_1: Ints
    given_2: Ints  # -1: a given name of one character
    female: Bools
    birthday: Ints
    city: Ints
    address: pa.Array
    street: pa.Array
    phone: Ints
    old_phone: Ints  # 0: never changed
    changed_on: Ints
    landline: pa.Array
    email: pa.Array
    start: Ints
    end: Ints

    def __len__(self) -> int:
        return len(self.household)


@dataclass(frozen=True)
class Language:
    """Word lists of one script."""

    surnames: Words
    given: Words
    cities: Words
    roads: Words
    titles: Words


def language_of(profile: Profile) -> Language:
    """The word lists of a profile."""
    if profile.latin:
        surnames, given = words("latin_surnames"), words("latin_given_names")
    else:
        surnames, given = words("surnames"), words("given_characters")
    spoken = profile.language
    return Language(
        surnames,
        given,
        words("cities", language=spoken),
        words("roads", language=spoken),
        words("titles", language=spoken),
    )


def _households(rng: np.random.Generator, people: int) -> tuple[Ints, Ints, Ints]:
    """Household, index of its head and role (0 head, 1 partner, 2 child or parent) of each person."""
    numbers = behaviour()
    shares = np.array([numbers[f"household_of_{n}"] for n in ("one", "two", "three", "four")])
    sizes = 1 + pick(rng, shares, people)
    ends = np.cumsum(sizes)
    count = int(np.searchsorted(ends, people)) + 1
    household = np.repeat(np.arange(count), sizes[:count])[:people]
    heads = np.concatenate([[0], ends[: count - 1]])
    role = np.minimum(np.arange(people) - heads[household], 2)
    return household, heads[household], role


def _distinct_numbers(rng: np.random.Generator, count: int, profile: Profile, area_codes: Ints) -> Ints:
    """`count` different mobile numbers as integers, in random order."""
    found = np.empty(0, np.int64)
    while len(found) < count:
        draw = int((count - len(found)) * 1.2) + 16
        if profile.latin:
            area = area_codes[rng.integers(0, len(area_codes), draw)]
            fresh = area * 10**7 + rng.integers(2_000_000, 10_000_000, draw)
        else:
            prefix = MOBILE_PREFIXES[rng.integers(0, len(MOBILE_PREFIXES), draw)]
            fresh = prefix * 10**8 + rng.integers(1_000_000, 100_000_000, draw)
        found = np.unique(np.concatenate([found, fresh]))
    return rng.permutation(found)[:count]


def make_people(seed: int, people: int, profile: Profile, first_day: int, last_day: int) -> People:
    """Draw the people of a world whose back history starts at `first_day` and ends with `last_day`."""
    rng = stream(seed, "people")
    language = language_of(profile)
    household, head, role = _households(rng, people)

    surname = pick(rng, language.surnames.weights, people)
    surname = np.where(role == 2, surname[head], surname)
    female = rng.random(people) < 0.53
    female = np.where((role == 1) & (rng.random(people) < 0.97), ~female[head], female)
    genders = np.array(language.given.texts("gender")) == "female"
    given_1, given_2 = np.empty(people, np.int64), np.empty(people, np.int64)
    for is_female in (False, True):
        mine = np.flatnonzero(female == is_female)
        pool = np.flatnonzero(genders == is_female)
        given_1[mine] = pool[pick(rng, language.given.weights[pool], len(mine))]
        given_2[mine] = pool[pick(rng, language.given.weights[pool], len(mine))]
    single = np.full(people, True) if profile.latin else rng.random(people) < 0.25
    given_2 = np.where(single, -1, given_2)
    twins = np.flatnonzero(rng.random(people) < profile["homonym_planted"])
    if len(twins) and people > 1:
        model = rng.integers(0, people, len(twins))
        for values in (surname, given_1, given_2, female):
            values[twins] = values[model]

    age = np.where(role == 0, rng.gamma(6, 3.2, people) + 21, 0)
    age = np.where(role == 1, age[head] + rng.normal(-1, 3, people), age)
    age = np.where(role == 2, np.abs(age[head] - 27 + rng.normal(0, 3, people)) + 14, age)
    birthday = last_day - (np.clip(age, 14, 92) * 365.25).astype(np.int64)

    homes = int(household[-1]) + 1
    city = pick(rng, language.cities.weights, homes)[household]
    address, street = _addresses(rng, language, household, homes, city, profile.latin)
    area_codes = np.array([int(c) for c in language.cities.texts("area_code")])
    pool_size = people + int(people * profile["number_changed"] * 2) + 10
    drawn = _distinct_numbers(rng, pool_size, profile, area_codes)
    phone = drawn[:people].copy()
    start, end = _lifetimes(rng, people, first_day, last_day)
    changed = rng.random(people) < profile["number_changed"]
    old_phone = np.where(changed, np.resize(drawn[people:], people), 0)
    spare = np.flatnonzero(changed)
    old_phone[spare] = drawn[people : people + len(spare)] if len(spare) <= pool_size - people else drawn[spare]
    changed_on = first_day + (rng.random(people) * (last_day - first_day)).astype(np.int64)
    _recycle(rng, profile, phone, old_phone, changed_on, start)

    has_landline = (rng.random(homes) < profile["household_landline"])[household]
    digits = (20_000_000 + rng.integers(0, 60_000_000, homes))[household]
    if profile.latin:
        lines = pa.array(area_codes[city] * 10**7 + digits % 8_000_000 + 2_000_000).cast(pa.string())
    else:
        lines = join(language.cities.column("area_code").take(pa.array(city)), "-", pa.array(digits).cast(pa.string()))
    landline = pc.if_else(pa.array(has_landline), lines, pa.scalar(None, pa.string()))
    email = _emails(rng, language, surname, given_1, given_2, birthday, profile.latin)
    return People(
        profile, household, head, surname, given_1, given_2, female, birthday, city, address, street,
        phone, old_phone, changed_on, landline, email, start, end,
    )  # fmt: skip


def _lifetimes(rng: np.random.Generator, people: int, first_day: int, last_day: int) -> tuple[Ints, Ints]:
    """Day won and day lost of each person; the day lost may lie after the window."""
    numbers = behaviour()
    earliest = first_day - numbers["start_before_days"]
    start = (earliest + rng.random(people) * (last_day - earliest)).astype(np.int64)
    return start, start + 1 + rng.exponential(numbers["lifetime_days"], people).astype(np.int64)


def _recycle(
    rng: np.random.Generator, profile: Profile, phone: Ints, old_phone: Ints, changed_on: Ints, start: Ints
) -> None:
    """Hand a share of the given-up numbers to people won at least 90 days after, in place."""
    givers = np.flatnonzero((old_phone > 0) & (rng.random(len(phone)) < profile["number_recycled"]))
    givers = givers[np.argsort(changed_on[givers], kind="stable")][::-1]
    takers = np.flatnonzero(old_phone == 0)
    takers = takers[np.argsort(start[takers], kind="stable")][::-1]
    # Latest giver to latest taker: the lists run in parallel, spread so that takers are not only the newest.
    step = max(1, len(takers) // max(1, 3 * len(givers)))
    takers = takers[::step][: len(givers)]
    givers = givers[: len(takers)]
    late_enough = start[takers] >= changed_on[givers] + 90
    phone[takers[late_enough]] = old_phone[givers[late_enough]]


def _addresses(
    rng: np.random.Generator, language: Language, household: Ints, homes: int, city: Ints, latin: bool
) -> tuple[pa.Array, pa.Array]:
    """Full address and street part of each person."""
    districts: list[str] = []
    first: list[int] = []
    for names in language.cities.texts("districts"):
        first.append(len(districts))
        districts.extend(names.split("/"))
    first.append(len(districts))
    bounds = np.array(first)
    low, high = bounds[city], bounds[city + 1]
    district = pa.array(districts).take(pa.array(low + (rng.random(homes)[household] * (high - low)).astype(np.int64)))
    road = language.roads.column("value").take(pa.array(pick(rng, language.roads.weights, homes)[household]))

    def numbered(low: int, high: int) -> pa.Array:
        return pa.array(rng.integers(low, high, homes)[household]).cast(pa.string())

    number, building, unit, floor, door = (
        numbered(1, 999),
        numbered(1, 30),
        numbered(1, 5),
        numbered(1, 28),
        numbered(1, 5),
    )
    province = language.cities.column("province").take(pa.array(city))
    town = language.cities.column("city").take(pa.array(city))
    if latin:
        street = join(number, " ", road, ", Apt ", floor, door)
        return join(street, ", ", district, ", ", town, ", ", province), street
    street = join(road, number, "号", building, "栋", unit, "单元", floor, "0", door, "室")
    region = pc.if_else(pc.equal(province, town), town, join(province, town))
    return join(region, district, street), street


def _emails(
    rng: np.random.Generator,
    language: Language,
    surname: Ints,
    given_1: Ints,
    given_2: Ints,
    birthday: Ints,
    latin: bool,
) -> pa.Array:
    """One address per person, different from everyone else's by a number."""
    people = len(surname)
    if latin:
        domains = pa.array(["gmail.com", "yahoo.com", "outlook.com", "example.org"])
        given = pc.utf8_lower(language.given.column("nickname").take(pa.array(given_1)))
        family = pc.replace_substring_regex(
            pc.utf8_lower(language.surnames.column("value").take(pa.array(surname))), "[^a-z]", ""
        )
        handle = join(given, ".", family)
    else:
        domains = pa.array(["qq.com", "163.com", "126.com", "sina.com", "foxmail.com"])
        spelled = language.given.column("pinyin")
        second = pc.fill_null(spelled.take(pa.array(given_2, mask=given_2 < 0)), "")
        handle = join(
            language.surnames.column("pinyin").take(pa.array(surname)), spelled.take(pa.array(given_1)), second
        )
    number = pa.array(np.arange(people) * 7 + birthday % 7).cast(pa.string())
    return join(handle, number, "@", domains.take(pa.array(rng.integers(0, len(domains), people))))


def _draw_form(rng: np.random.Generator, count: int, rates: list[float]) -> Ints:
    """0 (as it is) or 1 + the index of the fault, by rate."""
    bounds = np.cumsum(rates)
    drawn = np.searchsorted(bounds, rng.random(count), side="right")
    return np.where(drawn == len(rates), 0, drawn + 1).astype(np.int64)


def write_names(
    people: People, who: Ints, rng: np.random.Generator, planted: Counter[str], place: str, missing_factor: float = 1.0
) -> pa.Array:
    """The names of `who` as a record holds them, with the profile's faults; faults are counted under `place`."""
    profile = people.profile
    rates = [profile[f"name_{f}"] * (missing_factor if f == "missing" else 1) for f in NAME_FORMS]
    form = _draw_form(rng, len(who), rates)
    for code, name in enumerate(NAME_FORMS, start=1):
        planted[f"{place}:name_{name}"] += int((form == code).sum())
    variant = rng.integers(0, 1 << 30, len(who))
    language = language_of(profile)
    build = _latin_names if profile.latin else _chinese_names
    return assemble(form, build(people, who, variant, language))


def true_names(people: People) -> pa.Array:
    """Everyone's full name, without a fault."""
    everyone = np.arange(len(people))
    build = _latin_names if people.profile.latin else _chinese_names
    return build(people, everyone, everyone, language_of(people.profile))[0](everyone)


def _titles_for(people: People, who: Ints, variant: Ints, language: Language) -> pa.Array:
    """A title that fits each person's gender."""
    genders = np.array(language.titles.texts("gender"))
    index = np.empty(len(who), np.int64)
    for is_female, other in ((False, "female"), (True, "male")):
        pool = np.flatnonzero(genders != other)
        mine = people.female[who] == is_female
        bounds = np.cumsum(language.titles.weights[pool])
        index[mine] = pool[np.searchsorted(bounds, (variant[mine] % 1009) / 1009 * bounds[-1], side="right")]
    return language.titles.column("value").take(pa.array(index))


def _choose(variant: Ints, options: list[pa.Array]) -> pa.Array:
    """One of the options, element by element."""
    return pc.choose(pa.array(variant % len(options)), *options)


def _chinese_names(
    people: People, who: Ints, variant: Ints, language: Language
) -> dict[int, Callable[[Ints], pa.Array]]:
    """Builders of Chinese names by form."""

    def parts(where: Ints, column: str, last_column: str | None = None) -> tuple[pa.Array, pa.Array, pa.Array]:
        """Surname, first and second given character; `last_column` writes the last character alone."""
        person = who[where]
        one, two = people.given_1[person], people.given_2[person]
        surname = language.surnames.column(column).take(pa.array(people.surname[person]))
        first = language.given.column(column).take(pa.array(one))
        second = language.given.column(column).take(pa.array(two, mask=two < 0))
        if last_column:
            alone = pa.array(two < 0)
            first = pc.if_else(alone, language.given.column(last_column).take(pa.array(one)), first)
            second = language.given.column(last_column).take(pa.array(two, mask=two < 0))
        return surname, first, pc.fill_null(second, "")

    def nickname(where: Ints) -> pa.Array:
        surname, first, second = parts(where, "value")
        last = pc.if_else(pc.equal(second, ""), first, second)
        return _choose(variant[where], [join("小", surname), join("老", surname), join("阿", last)])

    def masked(where: Ints) -> pa.Array:
        surname, first, second = parts(where, "value")
        last = pc.if_else(pc.equal(second, ""), first, second)
        return _choose(variant[where], [join(surname, "*"), join(surname, "**"), join("*", last)])

    def pinyin(where: Ints) -> pa.Array:
        surname, first, second = parts(where, "pinyin")
        given = join(first, second)
        title = pc.utf8_capitalize
        spaced = join(title(surname), " ", title(given))
        options = [spaced, join(surname, given), pc.utf8_upper(spaced), join(title(given), " ", title(surname))]
        return _choose(variant[where], options)

    def spaced(where: Ints) -> pa.Array:
        surname, first, second = parts(where, "value")
        return _choose(
            variant[where],
            [
                join(surname, " ", first, second),
                join(surname, "\u3000", first, second),
                join(" ", surname, first, second),
            ],
        )

    return {
        0: lambda where: join(*parts(where, "value")),
        1: lambda where: join(parts(where, "value")[0], _titles_for(people, who[where], variant[where], language)),
        2: nickname,
        3: masked,
        4: pinyin,
        5: lambda where: join(*parts(where, "traditional")),
        6: spaced,
        7: lambda where: join(*parts(where, "value", "homophone")),
        8: lambda where: join(*parts(where, "value", "similar")),
        9: nothing,
    }


def _latin_names(people: People, who: Ints, variant: Ints, language: Language) -> dict[int, Callable[[Ints], pa.Array]]:
    """Builders of Western names by form."""

    def given(where: Ints, column: str = "value") -> pa.Array:
        return language.given.column(column).take(pa.array(people.given_1[who[where]]))

    def family(where: Ints) -> pa.Array:
        return language.surnames.column("value").take(pa.array(people.surname[who[where]]))

    def dropped_letter(where: Ints) -> pa.Array:
        name = family(where)
        return join(given(where), " ", pc.utf8_slice_codeunits(name, 0, 2), pc.utf8_slice_codeunits(name, 3))

    def swapped_letters(where: Ints) -> pa.Array:
        name = family(where)
        cut = pc.utf8_slice_codeunits
        return join(given(where), " ", cut(name, 0, 1), cut(name, 2, 3), cut(name, 1, 2), cut(name, 3))

    return {
        0: lambda where: join(given(where), " ", family(where)),
        1: lambda where: join(_titles_for(people, who[where], variant[where], language), " ", family(where)),
        2: lambda where: join(given(where, "nickname"), " ", family(where)),
        3: lambda where: join(pc.utf8_slice_codeunits(family(where), 0, 1), "****"),
        4: lambda where: join(family(where), ", ", given(where)),
        5: lambda where: join(given(where), " ", family(where)),
        6: lambda where: join(pc.utf8_upper(given(where)), "  ", pc.utf8_upper(family(where))),
        7: dropped_letter,
        8: swapped_letters,
        9: nothing,
    }


def numbers_at(
    people: People, who: Ints, day: Ints, rng: np.random.Generator, planted: Counter[str], place: str
) -> Ints:
    """The mobile number each person gives on a day: current, the one before, or the household head's."""
    profile = people.profile
    had = people.old_phone[who] > 0
    before = had & (day < people.changed_on[who])
    stale = had & ~before & (rng.random(len(who)) < profile["phone_old"])
    of_head = (people.head[who] != who) & (rng.random(len(who)) < profile["phone_of_household"])
    planted[f"{place}:phone_old"] += int((stale & ~of_head).sum())
    planted[f"{place}:phone_of_household"] += int(of_head.sum())
    number = np.where(before | stale, people.old_phone[who], people.phone[who])
    return np.where(of_head, people.phone[people.head[who]], number)


def write_phones(
    people: People, who: Ints, number: Ints, rng: np.random.Generator, planted: Counter[str], place: str
) -> pa.Array:
    """Numbers as a record holds them, with the profile's faults; a number of 0 is missing."""
    profile = people.profile
    form = _draw_form(rng, len(who), [profile[f"phone_{f}"] for f in PHONE_FORMS])
    no_line = ~people.landline.is_valid().to_numpy(zero_copy_only=False)[who]
    form = np.where((form == PHONE_FORMS.index("landline") + 1) & no_line, 0, form)
    for code, name in enumerate(PHONE_FORMS, start=1):
        planted[f"{place}:phone_{name}"] += int(((form == code) & (number != 0)).sum())
    form = np.where(number == 0, 1, form)
    place_value = rng.integers(0, 7, len(who))
    shift = rng.integers(1, 10, len(who))
    variant = rng.integers(0, 1 << 30, len(who))

    def text(values: Ints) -> pa.Array:
        return pa.array(values).cast(pa.string())

    def wrong(where: Ints) -> pa.Array:
        power = TENS[place_value[where]]
        digit = number[where] // power % 10
        return text(number[where] + ((digit + shift[where]) % 10 - digit) * power)

    def transposed(where: Ints) -> pa.Array:
        power = TENS[place_value[where]]
        low, high = number[where] // power % 10, number[where] // (power * 10) % 10
        return text(number[where] + (high - low) * power + (low - high) * power * 10)

    def cut(where: Ints) -> tuple[pa.Array, pa.Array, pa.Array]:
        plain = text(number[where])
        middle = 6 if profile.latin else 7
        piece = pc.utf8_slice_codeunits
        return piece(plain, 0, 3), piece(plain, 3, middle), piece(plain, middle)

    def masked(where: Ints) -> pa.Array:
        a, _, c = cut(where)
        return join(a, "****", c)

    def separated(where: Ints) -> pa.Array:
        a, b, c = cut(where)
        if profile.latin:
            return _choose(
                variant[where], [join("(", a, ") ", b, "-", c), join(a, "-", b, "-", c), join(a, ".", b, ".", c)]
            )
        return _choose(variant[where], [join(a, "-", b, "-", c), join(a, " ", b, " ", c)])

    def with_country(where: Ints) -> pa.Array:
        plain = text(number[where])
        prefixes = ["+1", "1-", "+1 "] if profile.latin else ["+86", "86", "0086", "+86 "]
        return _choose(variant[where], [join(p, plain) for p in prefixes])

    def full_width(where: Ints) -> pa.Array:
        wide = text(number[where])
        for narrow_digit, wide_digit in FULL_WIDTH_DIGITS.items():
            wide = pc.replace_substring(wide, narrow_digit, wide_digit)
        return wide

    def placeholder(where: Ints) -> pa.Array:
        fillers = ["0000000000", "9999999999"] if profile.latin else ["13800000000", "11111111111", "0", "无"]
        return pa.array(fillers).take(pa.array(variant[where] % len(fillers)))

    return assemble(
        form,
        {
            0: lambda where: text(number[where]),
            1: nothing,
            2: masked,
            3: with_country,
            4: separated,
            5: full_width,
            6: wrong,
            7: transposed,
            8: lambda where: people.landline.take(pa.array(who[where])),
            9: placeholder,
        },
    )


def write_birthdays(
    people: People, who: Ints, rng: np.random.Generator, planted: Counter[str], place: str
) -> tuple[Ints, Bools]:
    """Birthdays as days since 1970, and which are missing."""
    profile = people.profile
    names = ("missing", "swapped", "default")
    form = _draw_form(rng, len(who), [profile[f"birthday_{n}"] for n in names])
    day = people.birthday[who]
    stamp = day.astype("datetime64[D]")
    month_start = stamp.astype("datetime64[M]")
    year_start = stamp.astype("datetime64[Y]")
    month = (month_start - year_start.astype("datetime64[M]")).astype(np.int64) + 1
    day_of_month = (stamp - month_start.astype("datetime64[D]")).astype(np.int64) + 1
    can_swap = (day_of_month <= 12) & (day_of_month != month)
    swapped = (
        (year_start.astype("datetime64[M]") + (day_of_month - 1)).astype("datetime64[D]").astype(np.int64) + month - 1
    )
    form = np.where((form == 2) & ~can_swap, 0, form)
    for code, name in enumerate(names, start=1):
        planted[f"{place}:birthday_{name}"] += int((form == code).sum())
    default = np.datetime64("1990-01-01", "D").astype(np.int64)
    return np.where(form == 2, swapped, np.where(form == 3, default, day)), form == 1


def chance(rng: np.random.Generator, count: int, rate: float | Floats) -> Bools:
    """Independent yes or no."""
    return rng.random(count) < rate
