"""What the people of the world do: enrol, buy, return, call, answer, and click; one `Table` per dataset.

What belongs here: behaviour over time. What does not: faults of writing (`people.py`), faults of delivery
(`deliveries.py`), and any rate or word (`data/*.csv`).
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seeds.generator.people import (
    People,
    chance,
    join,
    language_of,
    numbers_at,
    write_birthdays,
    write_names,
    write_phones,
)
from seeds.generator.tables import Table, coded, identifiers, number, text
from seeds.generator.vocabulary import Bools, Floats, Ints, behaviour, pick, read_rows, stream, words

DAY = 1440
SKUS_PER_CATEGORY = 40
STORES = 24
# Hours of the day by how busy they are, 0 to 23.
SHOP_HOURS = np.array([0] * 9 + [1, 3, 4, 4, 3, 3, 4, 4, 5, 6, 6, 5, 2, 0, 0], float)
ONLINE_HOURS = np.array([2, 1, 0.5, 0.3, 0.2, 0.3, 0.6, 1, 2, 3, 4, 4, 5, 4, 3, 3, 3, 3, 4, 5, 7, 8, 7, 0], float)
OFFICE_HOURS = np.array([0] * 9 + [4, 6, 5, 3, 3, 5, 5, 4, 3, 2, 1, 0, 0, 0, 0], float)


@dataclass
class Roll:
    """Memberships or accounts: whose they are, since which day, and each person's first and second (-1: none)."""

    person: Ints
    since: Ints
    first: Ints
    second: Ints

    def used(self, rng: np.random.Generator, person: Ints, day: Ints) -> Ints:
        """The one a person uses on a day, or -1 before they had one."""
        two = self.second[person]
        chosen = np.where((two >= 0) & chance(rng, len(person), 0.35), two, self.first[person])
        chosen = np.where((chosen >= 0) & (self.since[np.maximum(chosen, 0)] > day), self.first[person], chosen)
        late = (chosen >= 0) & (self.since[np.maximum(chosen, 0)] > day)
        return np.where(late, -1, chosen) if len(self.person) else np.full(len(person), -1)


@dataclass
class World:
    """Everything that happened, ready to be delivered."""

    people: People
    tables: dict[str, Table]
    planted: Counter[str] = field(default_factory=Counter)
    # The identity truth: record source to (number in the key, person), one element per source record.
    records: dict[str, tuple[Ints, Ints]] = field(default_factory=dict)


@dataclass
class Catalogue:
    """Articles, cheap to dear within each category; `price` in fen."""

    category: Ints
    price: Floats
    sku: pa.Array
    product: pa.Array
    categories: pa.Array
    weights: Floats


def _minute(rng: np.random.Generator, day: Ints, hours: Floats) -> Ints:
    """A minute of each day, by the hours that are busy."""
    return day * DAY + pick(rng, hours, len(day)) * 60 + rng.integers(0, 60, len(day))


def _roll(rng: np.random.Generator, people: People, share: float, second: float, last_day: int) -> Roll:
    """Give people one or two memberships or accounts."""
    count = len(people)
    has = chance(rng, count, share)
    has_two = has & chance(rng, count, second)
    person = np.concatenate([np.flatnonzero(has), np.flatnonzero(has_two)])
    since = people.start[person].copy()
    ones = int(has.sum())
    since[ones:] += 30 + (rng.random(len(since) - ones) * 300).astype(np.int64)
    kept = since <= last_day
    person, since, is_second = person[kept], since[kept], (np.arange(len(person)) >= ones)[kept]
    order = np.argsort(since, kind="stable")
    person, since, is_second = person[order], since[order], is_second[order]
    first, two = np.full(count, -1), np.full(count, -1)
    place = np.arange(len(person))
    first[person[~is_second]] = place[~is_second]
    two[person[is_second]] = place[is_second]
    return Roll(person, since, first, two)


def _catalogue(rng: np.random.Generator, latin: bool) -> Catalogue:
    """The articles; numbers within a category run from cheap to dear."""
    lists = words("categories")
    names = lists.texts("category_latin" if latin else "category")
    articles = [a.split("/") for a in lists.texts("articles_latin" if latin else "articles")]
    median = np.array([float(p) for p in lists.texts("median_price")])
    spread = np.sort(rng.normal(0, behaviour()["price_sigma"], (len(names), SKUS_PER_CATEGORY)), axis=1)
    price = (median[:, None] * np.exp(spread) * 100).reshape(-1)
    category = np.repeat(np.arange(len(names)), SKUS_PER_CATEGORY)
    place = np.tile(np.arange(SKUS_PER_CATEGORY), len(names))
    sku = pa.array([f"SKU{c + 10}{p:03d}" for c, p in zip(category, place, strict=True)])
    product = pa.array(
        [
            f"{articles[c][p % len(articles[c])]} {chr(65 + p // 8)}{p % 8 + 1}"
            for c, p in zip(category, place, strict=True)
        ]
    )
    return Catalogue(category, price, sku, product, pa.array(names), lists.weights)


def _seasons(first_day: int, last_day: int) -> Floats:
    """Cumulated weight of the days of the history, from 0; one element more than there are days."""
    numbers = behaviour()
    day = np.arange(first_day, last_day + 1)
    month = day.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
    lift = np.select(
        [month == 11, month == 6, month == 1],
        [numbers["season_november"], numbers["season_june"], numbers["season_new_year"]],
        1.0,
    )
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday; 0 is Monday
    return np.concatenate([[0.0], np.cumsum(lift * np.where(weekday >= 5, numbers["weekend_lift"], 1.0))])


@dataclass
class Baskets:
    """Purchases of both channels in order of time; `size` lines each."""

    person: Ints
    day: Ints
    size: Ints
    online: Bools
    promotion: Bools


def make_world(seed: int, people: People, *, lines: int, first_day: int, last_day: int, first_delivery: int) -> World:
    """Let the people live from `first_day` to `last_day`.

    Args:
        seed: Decides everything.
        people: Who lives there.
        lines: Purchase lines over both channels, returns included.
        first_day: Start of the back history, days since 1970.
        last_day: Last day, days since 1970.
        first_delivery: Day of the first delivery: what was settled before it comes settled.
    """
    world = World(people, {})
    numbers = behaviour()
    count = len(people)
    rng = stream(seed, "habits")
    rate = rng.gamma(numbers["rate_shape"], 1.0, count)
    rank = np.argsort(np.argsort(rate, kind="stable"), kind="stable") / max(count, 1)
    tilt = numbers["taste_rate"]
    taste = tilt * 1.7 * (2 * rank - 1) + np.sqrt(1 - tilt**2) * rng.normal(0, numbers["taste_sigma"], count)
    heavy = rank > 0.9
    sensitive = chance(rng, count, numbers["price_sensitive"])
    online_share = rng.beta(numbers["online_alpha"], numbers["online_beta"], count)

    members = _roll(stream(seed, "members"), people, numbers["member_share"], numbers["second_member"], last_day)
    accounts = _roll(stream(seed, "accounts"), people, numbers["account_share"], numbers["second_account"], last_day)
    _members_table(seed, world, members, last_day)
    _accounts_table(seed, world, accounts)
    reached = _outreach_table(seed, world, members, accounts, last_day)

    has_member, has_account = members.first >= 0, accounts.first >= 0
    online_share = np.where(has_account & ~has_member, 1 - (1 - online_share) * numbers["other_channel"], online_share)
    online_share = np.where(has_member & ~has_account, online_share * numbers["other_channel"], online_share)
    catalogue = _catalogue(stream(seed, "catalogue"), people.profile.latin)
    planned_returns = int(lines * numbers["return_share"] * 0.5)
    baskets = _baskets(
        seed, people, rate, online_share, sensitive, lines - planned_returns, reached, first_day, last_day
    )
    line_basket, sku, quantity, discount_rate = _lines(seed, people, baskets, catalogue, taste, sensitive)
    _price(catalogue, baskets, line_basket, sku, quantity, count, last_day)
    price = catalogue.price.astype(np.int64)[sku]
    discount = (price * quantity * discount_rate / 100).astype(np.int64) * 100
    discount = np.where(discount >= price * quantity, 0, discount)
    _sales_table(
        seed, world, members, catalogue, baskets, line_basket, sku, quantity, price, discount, planned_returns, last_day
    )
    orders = _orders_table(
        seed, world, accounts, catalogue, baskets, line_basket, sku, quantity, price, discount, last_day, first_delivery
    )
    _events_table(seed, world, accounts, catalogue, orders, last_day)
    cases = _cases_table(seed, world, members, accounts, baskets, heavy, last_day)
    _surveys_table(seed, world, members, accounts, cases, last_day)
    return world


def _gender_words(people: People, who: Ints, rng: np.random.Generator) -> tuple[list[str], Ints]:
    """Gender as written, with missing ones."""
    codes = people.female[who].astype(np.int64)
    codes = np.where(chance(rng, len(who), people.profile["gender_missing"]), -1, codes)
    return (["M", "F"] if people.profile.latin else ["男", "女"]), codes


def _written_addresses(
    people: People, who: Ints, rng: np.random.Generator, planted: Counter[str], place: str
) -> pa.Array:
    """Addresses as a record holds them."""
    missing = chance(rng, len(who), people.profile["address_missing"])
    short = chance(rng, len(who), people.profile["address_short"]) & ~missing
    planted[f"{place}:address_missing"] += int(missing.sum())
    planted[f"{place}:address_short"] += int(short.sum())
    index = pa.array(who)
    written = pc.if_else(pa.array(short), people.street.take(index), people.address.take(index))
    return pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), written)


def _id_cards(people: People, who: Ints, rng: np.random.Generator) -> pa.Array:
    """ID-card numbers with a right check digit. Their county code is 0000, which no office hands out."""
    shown = chance(rng, len(who), behaviour()["id_card_share"])
    shown &= not people.profile.latin
    chosen = np.flatnonzero(shown)
    province = np.array([int(c) for c in language_of(people.profile).cities.texts("province_code")])[
        people.city[who[chosen]]
    ]
    stamp = people.birthday[who[chosen]].astype("datetime64[D]")
    month = stamp.astype("datetime64[M]").astype(np.int64)
    day = (stamp - stamp.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64) + 1
    born = (month // 12 + 1970) * 10_000 + (month % 12 + 1) * 100 + day
    serial = (who[chosen] * 7919 % 500) * 2 + (~people.female[who[chosen]]).astype(np.int64)
    body = (province * 10_000 * 10**8 + born) * 1000 + serial
    powers = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
    total = np.zeros(len(body), np.int64)
    for place, weight in enumerate(powers):
        total += body // 10 ** (16 - place) % 10 * weight
    check = pa.array(list("10X98765432")).take(pa.array(total % 11))
    card = join(pa.array(body).cast(pa.string()), check)
    where = np.full(len(who), -1)
    where[chosen] = np.arange(len(chosen))
    return card.take(pa.array(where, mask=where < 0))


def _members_table(seed: int, world: World, members: Roll, last_day: int) -> None:
    """`pos/members`."""
    rng, people, who = stream(seed, "members table"), world.people, members.person
    genders, gender = _gender_words(people, who, rng)
    birthday, no_birthday = write_birthdays(people, who, rng, world.planted, "pos_members")
    given = numbers_at(people, who, members.since, rng, world.planted, "pos_members")
    cities = language_of(people.profile).cities.column("city")
    registered = _minute(rng, members.since, SHOP_HOURS)
    keys = identifiers("M", np.arange(1, len(who) + 1), 8)
    cards = _id_cards(people, who, rng)
    world.tables["pos_members"] = Table(
        "pos_members",
        {
            "member_id": keys,
            "name": text(write_names(people, who, rng, world.planted, "pos_members")),
            "phone": text(write_phones(people, who, given, rng, world.planted, "pos_members")),
            "gender": coded(genders, gender),
            "birthday": number("day", birthday, no_birthday),
            "id_card": text(cards),
            "city": coded(cities, people.city[who]),
            "address": text(_written_addresses(people, who, rng, world.planted, "pos_members")),
            "store_id": coded(_store_names(), who % STORES),
            "registered_at": number("minutes", registered),
        },
        born=members.since,
        settled=members.since,
        person=who,
        stale={"city": coded(cities, np.full(len(who), -1))},
    )
    world.records["pos.members"] = (np.arange(1, len(who) + 1), who)


def _store_names() -> list[str]:
    """Store codes: region and number."""
    return [f"{3 + s // 6:02d}{s % 6 + 1:02d}" for s in range(STORES)]


def _accounts_table(seed: int, world: World, accounts: Roll) -> None:
    """`ecommerce/customers`."""
    rng, people, who = stream(seed, "accounts table"), world.people, accounts.person
    numbers, profile, count = behaviour(), people.profile, len(accounts.person)
    place = "ecommerce_customers"
    genders, gender = _gender_words(people, who, rng)
    birthday, no_birthday = write_birthdays(people, who, rng, world.planted, place)
    given = numbers_at(people, who, accounts.since, rng, world.planted, place)
    second = np.zeros(count, bool)
    second[accounts.second[accounts.second >= 0]] = True
    cities = language_of(profile).cities

    email = people.email.take(pa.array(who))
    fresh = second & ~chance(rng, count, numbers["same_email"])
    email = pc.if_else(pa.array(fresh), join("x", email), email)
    typo = chance(rng, count, profile["email_typo"])
    email = pc.if_else(pa.array(typo), pc.replace_substring(email, ".com", ".con"), email)
    world.planted[f"{place}:email_typo"] += int(typo.sum())
    no_email = chance(rng, count, profile["email_missing"])
    email = pc.if_else(pa.array(no_email), pa.scalar(None, pa.string()), email)

    handle = pc.replace_substring_regex(people.email.take(pa.array(who)), "@.*", "")
    union = join(
        "oGz", pc.utf8_lower(pc.utf8_slice_codeunits(handle, 0, 4)), pa.array(who * 7919 + 10**15).cast(pa.string())
    )
    has_union = chance(rng, count, numbers["unionid_share"])
    union = pc.if_else(pa.array(has_union), union, pa.scalar(None, pa.string()))
    brought = chance(rng, count, numbers["referral_share"]) & (np.arange(count) > 0)
    referrer = (rng.random(count) * np.arange(count)).astype(np.int64) + 1
    consent = chance(rng, count, numbers["consent_share"]).astype(np.int64)
    keys = identifiers("A", np.arange(1, count + 1), 8)
    world.tables[place] = Table(
        place,
        {
            "account_id": keys,
            "username": text(handle),
            "name": text(write_names(people, who, rng, world.planted, place, missing_factor=3)),
            "phone": text(write_phones(people, who, given, rng, world.planted, place)),
            "email": text(email),
            "unionid": text(union),
            "gender": coded(genders, gender),
            "birthday": number("day", birthday, no_birthday),
            "province": coded(cities.column("province"), people.city[who]),
            "city": coded(cities.column("city"), people.city[who]),
            "address": text(_written_addresses(people, who, rng, world.planted, place)),
            "registered_at": number("minutes", _minute(rng, accounts.since, ONLINE_HOURS)),
            "referrer_account_id": identifiers("A", np.where(brought, referrer, -1), 8),
            "marketing_consent": coded(["N", "Y"], consent),
        },
        born=accounts.since,
        settled=accounts.since,
        person=who,
        stale={"marketing_consent": coded(["N", "Y"], 1 - consent)},
    )
    world.records["ecommerce.customers"] = (np.arange(1, count + 1), who)


def _outreach_table(seed: int, world: World, members: Roll, accounts: Roll, last_day: int) -> tuple[Ints, Ints]:
    """`call_center/outreach`; returns the persons and days of the purchases that the contacts bring."""
    rng, people, numbers = stream(seed, "outreach"), world.people, behaviour()
    known = np.flatnonzero((members.first >= 0) | (accounts.first >= 0))
    known = known[people.start[known] < last_day - 3]
    count = int(len(known) * numbers["outreach_per_person"])
    who = known[np.sort(rng.integers(0, max(len(known), 1), count))] if count else known[:0]
    since = np.maximum(last_day - int(numbers["outreach_days"]), people.start[who] + 1)
    day = np.sort(since + (rng.random(count) * (last_day - since + 1)).astype(np.int64))
    # Days are sorted over all contacts; a person may only be contacted once known.
    day = np.maximum(day, people.start[who] + 1)
    order = np.argsort(day, kind="stable")
    who, day = who[order], day[order]
    sent = np.sort(_minute(rng, day, np.array([0] * 9 + [1] * 8 + [0] * 7, float)))
    day = sent // DAY
    campaigns = read_rows("campaigns")
    campaign = pick(rng, np.array([float(c["weight"]) for c in campaigns]), count)
    control = chance(rng, count, numbers["control_share"])
    delivered = ~control & chance(rng, count, 0.97)
    opened = delivered & chance(rng, count, 0.45)
    clicked = opened & chance(rng, count, 0.3)
    responded = opened & chance(rng, count, 0.25)
    delivered_at = sent + 1
    opened_at = delivered_at + rng.integers(1, 120, count)
    clicked_at = opened_at + rng.integers(1, 10, count)
    responded_at = opened_at + rng.integers(5, 2 * DAY, count)
    settled = np.where(responded, responded_at // DAY, day)
    responded &= settled <= last_day
    settled = np.minimum(settled, last_day)
    bought = delivered & chance(rng, count, numbers["uplift"]) & (day < last_day)
    buy_day = np.minimum(day + 1 + rng.integers(0, 6, count), last_day)

    member, account = members.used(rng, who, day), accounts.used(rng, who, day)
    by_member = (member >= 0) & ((account < 0) | chance(rng, count, 0.5))
    by_account = (account >= 0) & ~by_member
    dialled = chance(rng, count, 0.6) | (~by_member & ~by_account)
    current = np.where(dialled, numbers_at(people, who, day, rng, world.planted, "call_center_outreach"), 0)
    notes = ["note_latin" if people.profile.latin else "note"] * len(campaigns)
    keys = identifiers("O", np.arange(1, count + 1), 8)
    follow_up = np.where(responded & chance(rng, count, 0.4), 0, -1)
    world.tables["call_center_outreach"] = Table(
        "call_center_outreach",
        {
            "contact_id": keys,
            "sent_at": number("minutes", sent),
            "campaign_id": coded([c["campaign_id"] for c in campaigns], campaign),
            "arm": coded(["treatment", "control"], control.astype(np.int64)),
            "channel": coded([c["channel"] for c in campaigns], campaign),
            "phone": text(write_phones(people, who, current, rng, world.planted, "call_center_outreach")),
            "member_id": identifiers("M", np.where(by_member, member + 1, -1), 8),
            "account_id": identifiers("A", np.where(by_account, account + 1, -1), 8),
            "delivered_at": number("minutes", delivered_at, ~delivered),
            "opened_at": number("minutes", opened_at, ~opened),
            "clicked_at": number("minutes", clicked_at, ~clicked),
            "responded_at": number("minutes", responded_at, ~responded),
            "next_action": coded(["call back" if people.profile.latin else "回访"], follow_up),
            "next_action_due": number("minutes", (day + 3) * DAY + 600, follow_up < 0),
            "note": coded([c[n] for c, n in zip(campaigns, notes, strict=True)], campaign),
        },
        born=day,
        settled=settled,
        person=who,
        stale={
            "responded_at": number("minutes", responded_at, np.full(count, True)),
            "next_action": coded([""], np.full(count, -1)),
            "next_action_due": number("minutes", day, np.full(count, True)),
        },
        stale_differs=responded,
    )
    world.records["call_center.outreach"] = (np.arange(1, count + 1), who)
    return who[bought], buy_day[bought]


def _baskets(
    seed: int,
    people: People,
    rate: Floats,
    online_share: Floats,
    sensitive: Bools,
    lines: int,
    reached: tuple[Ints, Ints],
    first_day: int,
    last_day: int,
) -> Baskets:
    """Spread exactly `lines` lines over baskets, people and days; some baskets come from outreach."""
    rng, numbers = stream(seed, "baskets"), behaviour()
    more = numbers["basket_continue"]
    sizes = np.minimum(rng.geometric(1 - more, max(lines, 1)), 12)
    ends = np.cumsum(sizes)
    count = int(np.searchsorted(ends, lines)) + 1 if lines > 0 else 0
    size = sizes[:count].copy()
    if count:
        size[-1] -= ends[count - 1] - lines

    seasons = _seasons(first_day, last_day)
    low = seasons[np.clip(people.start - first_day, 0, len(seasons) - 1)]
    high = seasons[np.clip(people.end - first_day, 0, len(seasons) - 1)]
    weight = np.cumsum(rate * (high - low))
    won = min(len(reached[0]), count // 5)
    rest = count - won
    person = np.searchsorted(weight, np.sort(rng.random(rest)) * weight[-1], side="right")
    person = np.minimum(person, len(people) - 1)
    moment = low[person] + rng.random(rest) * (high - low)[person]
    day = np.clip(np.searchsorted(seasons, moment, side="right") - 1, 0, last_day - first_day) + first_day
    person, day = np.concatenate([person, reached[0][:won]]), np.concatenate([day, reached[1][:won]])
    order = np.argsort(day, kind="stable")
    person, day = person[order], day[order]
    online = rng.random(count) < online_share[person]
    promoted = numbers["promotion_share"] * np.where(sensitive[person], 2.2, 0.65)
    return Baskets(person, day, size, online, rng.random(count) < promoted)


def _lines(
    seed: int, people: People, baskets: Baskets, catalogue: Catalogue, taste: Floats, sensitive: Bools
) -> tuple[Ints, Ints, Ints, Floats]:
    """Basket, article, units and discount rate of each line."""
    rng, numbers, count = stream(seed, "lines"), behaviour(), len(people)
    basket = np.repeat(np.arange(len(baskets.size)), baskets.size)
    total = len(basket)
    person = baskets.person[basket]
    own = np.stack([pick(rng, catalogue.weights, count) for _ in range(3)])
    category = np.where(
        rng.random(total) < numbers["own_category"],
        own[np.minimum((rng.random(total) ** 1.5 * 3).astype(np.int64), 2), person],
        pick(rng, catalogue.weights, total),
    )
    rung = taste[person] + rng.normal(0, numbers["taste_noise"], total)
    place = np.minimum((SKUS_PER_CATEGORY / (1 + np.exp(-1.7 * rung))).astype(np.int64), SKUS_PER_CATEGORY - 1)
    quantity = np.where(rng.random(total) < numbers["more_units"], 1 + rng.geometric(0.55, total), 1)
    rate = np.where(baskets.promotion[basket], 0.05 * rng.integers(1, 7, total), 0.0)
    return basket, category * SKUS_PER_CATEGORY + place, quantity, rate


def _price(
    catalogue: Catalogue, baskets: Baskets, line_basket: Ints, sku: Ints, quantity: Ints, people: int, last_day: int
) -> None:
    """Scale the list prices so that the wanted share of buyers reaches the top tier in the last 12 months."""
    numbers = behaviour()
    buyer = baskets.person[line_basket]
    recent = baskets.day[line_basket] > last_day - 365
    spend = np.bincount(buyer[recent], (catalogue.price[sku] * quantity)[recent], minlength=people)
    buyers = np.bincount(buyer, minlength=people) > 0
    reached = np.quantile(spend[buyers], 1 - numbers["diamond_share"]) if buyers.any() else 0.0
    # About a tenth of what is bought comes back or is discounted.
    scale = numbers["diamond_spend"] * 100 / reached / 0.9 if reached > 0 else 1.0
    price = np.maximum(catalogue.price * scale, 100)
    catalogue.price = np.where(price > 10_000, np.round(price / 1000) * 1000 - 100, np.round(price / 10) * 10)


def _sales_table(
    seed: int,
    world: World,
    members: Roll,
    catalogue: Catalogue,
    baskets: Baskets,
    line_basket: Ints,
    sku: Ints,
    quantity: Ints,
    price: Ints,
    discount: Ints,
    planned_returns: int,
    last_day: int,
) -> None:
    """`pos/sales`: tickets of the shops and, later, what is taken back."""
    rng, people, numbers = stream(seed, "sales"), world.people, behaviour()
    sold = np.flatnonzero(~baskets.online)
    number_of = np.full(len(baskets.size), -1)
    number_of[sold] = np.arange(len(sold))
    mine = np.flatnonzero(~baskets.online[line_basket])
    ticket = number_of[line_basket[mine]]
    at = _minute(rng, baskets.day[sold], SHOP_HOURS)
    who = baskets.person[sold]
    store = np.where(chance(rng, len(sold), 0.85), who % STORES, rng.integers(0, STORES, len(sold)))
    starts = np.concatenate([[0], np.cumsum(baskets.size[sold])[:-1]]) if len(sold) else np.empty(0, np.int64)
    line_no = np.arange(len(mine)) - starts[ticket] + 1

    back = np.sort(rng.permutation(len(mine))[:planned_returns])
    back_day = np.minimum(baskets.day[sold][ticket[back]] + rng.integers(1, 16, len(back)), last_day)
    back_at = np.maximum(_minute(rng, back_day, SHOP_HOURS), at[ticket[back]] + 1)
    back_at = np.minimum(back_at, back_day * DAY + DAY - 1)

    # Returns are tickets of their own, of one line.
    all_who = np.concatenate([who, who[ticket[back]]])
    all_at = np.concatenate([at, back_at])
    all_store = np.concatenate([store, store[ticket[back]]])
    line_ticket = np.concatenate([ticket, len(sold) + np.arange(len(back))])
    line_number = np.concatenate([line_no, np.ones(len(back), np.int64)])
    source = np.concatenate([np.arange(len(mine)), back])
    sign = np.concatenate([np.ones(len(mine), np.int64), -np.ones(len(back), np.int64)])

    tickets = len(all_who)
    day = all_at // DAY
    member = members.used(rng, all_who, day)
    member = np.where(chance(rng, tickets, numbers["ticket_member_shown"]), member, -1)
    gives = (member < 0) & chance(rng, tickets, numbers["ticket_phone_given"])
    given = np.where(gives, numbers_at(people, all_who, day, rng, world.planted, "pos_sales"), 0)
    phone = write_phones(people, all_who, given, rng, world.planted, "pos_sales")
    # Numbers run with time, as tills hand them out.
    by_time = np.argsort(all_at, kind="stable")
    till = np.empty(tickets, np.int64)
    till[by_time] = np.arange(1, tickets + 1)
    order = np.lexsort((line_number, till[line_ticket]))
    line_ticket, line_number, source, sign = line_ticket[order], line_number[order], source[order], sign[order]
    article = mine[source]
    paid = price[article] * quantity[article] - discount[article]
    ways = ["cash", "card", "mobile"] if people.profile.latin else ["现金", "银行卡", "微信", "支付宝"]
    way = rng.integers(0, len(ways), tickets)
    part = all_store[line_ticket] * 3 // STORES
    amount = number("money", sign * paid)
    world.tables["pos_sales"] = Table(
        "pos_sales",
        {
            "ticket_id": identifiers("T", till[line_ticket], 9),
            "line_no": number("integer", line_number),
            "sold_at": number("minutes", all_at[line_ticket]),
            "store_id": coded(_store_names(), all_store[line_ticket]),
            "member_id": identifiers("M", np.where(member < 0, -1, member + 1)[line_ticket], 8),
            "phone": coded(
                phone, np.where(phone.is_valid().to_numpy(zero_copy_only=False), np.arange(tickets), -1)[line_ticket]
            ),
            "sku": coded(catalogue.sku, sku[article]),
            "product_name": coded(catalogue.product, sku[article]),
            "category": coded(catalogue.categories, catalogue.category[sku[article]]),
            "quantity": number("integer", sign * quantity[article]),
            "unit_price": number("money", price[article]),
            "discount": number("money", sign * discount[article]),
            "amount": amount,
            "payment_method": coded(ways, way[line_ticket]),
        },
        born=day[line_ticket],
        settled=day[line_ticket],
        person=all_who[line_ticket],
        # The first export forgot the bag charge of 0.50.
        stale={"amount": number("money", sign * paid - 50)},
        part=part,
        part_labels=("_store03", "_store04_05", "_store06"),
        amount="amount",
    )
    free = np.flatnonzero(member < 0)
    free = free[np.argsort(till[free], kind="stable")]
    world.records["pos.sales"] = (till[free], all_who[free])
    world.planted["pos_sales:ticket_without_member"] += len(free)
    world.planted["pos_sales:ticket_with_phone_only"] += int(gives.sum())
    world.planted["pos_sales:lines_returned"] += len(back)


@dataclass
class Orders:
    """Online orders, for the click log and the service centre."""

    person: Ints
    at: Ints
    account: Ints
    sku: Ints
    channel: Ints


def _orders_table(
    seed: int,
    world: World,
    accounts: Roll,
    catalogue: Catalogue,
    baskets: Baskets,
    line_basket: Ints,
    sku: Ints,
    quantity: Ints,
    price: Ints,
    discount: Ints,
    last_day: int,
    first_delivery: int,
) -> Orders:
    """`ecommerce/orders`."""
    rng, people, numbers = stream(seed, "orders"), world.people, behaviour()
    placed = np.flatnonzero(baskets.online)
    at = _minute(rng, baskets.day[placed], ONLINE_HOURS)
    order = np.argsort(at, kind="stable")
    placed, at = placed[order], at[order]
    count, who, day = len(placed), baskets.person[placed], at // DAY
    number_of = np.full(len(baskets.size), -1)
    number_of[placed] = np.arange(count)
    mine = np.flatnonzero(baskets.online[line_basket])
    which = number_of[line_basket[mine]]
    arranged = np.argsort(which, kind="stable")
    mine, which = mine[arranged], which[arranged]
    starts = np.concatenate([[0], np.cumsum(baskets.size[placed])[:-1]]) if count else np.empty(0, np.int64)
    line_no = np.arange(len(mine)) - starts[which] + 1

    account = np.where(chance(rng, count, numbers["guest_share"]), -1, accounts.used(rng, who, day))
    fate = pick(
        rng,
        np.array(
            [1 - numbers["refund_share"] - numbers["cancel_share"], numbers["refund_share"], numbers["cancel_share"]]
        ),
        count,
    )
    settled = day + np.where(fate == 2, rng.integers(0, 2, count), rng.integers(2, 8, count))
    waiting = settled > last_day
    status = np.where(waiting, np.where((last_day - day >= 2) & (fate == 0), 1, 0), np.array([2, 3, 4])[fate])
    settled = np.where(waiting, day, settled)
    states = ["paid", "shipped", "completed", "refunded", "cancelled"]
    # A guest order has no other name than the receiver's, so truth would be unfair to call a gift the buyer's.
    gift = chance(rng, count, numbers["gift_share"]) & (account >= 0)
    receiver = np.where(gift, people.head[who], who)
    receiver_number = numbers_at(people, receiver, day, rng, world.planted, "ecommerce_orders")
    names = write_names(people, receiver, rng, world.planted, "ecommerce_orders")
    phones = write_phones(people, receiver, receiver_number, rng, world.planted, "ecommerce_orders")
    channel = pick(rng, np.array([2.0, 4.0, 4.0]), count)
    coupon = np.where(baskets.promotion[placed] & chance(rng, count, 0.8), rng.integers(0, 4, count), -1)
    paid = price[mine] * quantity[mine] - discount[mine]
    has_phone = phones.is_valid().to_numpy(zero_copy_only=False)
    has_name = names.is_valid().to_numpy(zero_copy_only=False)
    everyone = np.arange(count)
    world.tables["ecommerce_orders"] = Table(
        "ecommerce_orders",
        {
            "order_id": identifiers("E", which + 1, 9),
            "line_no": number("integer", line_no),
            "ordered_at": number("minutes", at[which]),
            "account_id": identifiers("A", np.where(account < 0, -1, account + 1)[which], 8),
            "receiver_name": coded(names, np.where(has_name, everyone, -1)[which]),
            "receiver_phone": coded(phones, np.where(has_phone, everyone, -1)[which]),
            "receiver_address": coded(people.address, receiver[which]),
            "sku": coded(catalogue.sku, sku[mine]),
            "product_name": coded(catalogue.product, sku[mine]),
            "category": coded(catalogue.categories, catalogue.category[sku[mine]]),
            "quantity": number("integer", quantity[mine]),
            "unit_price": number("money", price[mine]),
            "discount": number("money", discount[mine]),
            "amount": number("money", paid),
            "status": coded(states, status[which]),
            "channel": coded(["web", "app", "mini_program"], channel[which]),
            "coupon_code": coded(["SPRING10", "MEMBER20", "NOV11", "WELCOME"], coupon[which]),
        },
        born=day[which],
        settled=settled[which],
        person=who[which],
        stale={"status": coded(states, np.zeros(len(which), np.int64))},
        stale_differs=status[which] != 0,
        amount="amount",
    )
    guests = np.flatnonzero(account < 0)
    world.records["ecommerce.orders"] = (guests + 1, who[guests])
    world.planted["ecommerce_orders:guest_order"] += len(guests)
    world.planted["ecommerce_orders:gift"] += int((receiver != who).sum())
    first_sku = sku[mine][starts] if count else np.empty(0, np.int64)
    return Orders(who, at, account, first_sku, channel)


def _events_table(seed: int, world: World, accounts: Roll, catalogue: Catalogue, orders: Orders, last_day: int) -> None:
    """`ecommerce/events`: the clicks before purchases, and visits that end without one."""
    rng, people, numbers = stream(seed, "events"), world.people, behaviour()
    first = last_day - int(numbers["event_days"])
    bought = np.flatnonzero((orders.account >= 0) & (orders.at >= first * DAY))
    visits = rng.poisson(numbers["browse_per_account"] * rng.gamma(0.6, 1 / 0.6, len(accounts.person)))
    account = np.repeat(np.arange(len(accounts.person)), visits)
    since = np.maximum(accounts.since[account] + 1, first)
    until = np.minimum(people.end[accounts.person[account]] + 20, last_day)
    live = until >= since
    account, since, until = account[live], since[live], until[live]
    visit_day = since + (rng.random(len(account)) * (until - since + 1)).astype(np.int64)
    visit_at = _minute(rng, visit_day, ONLINE_HOURS) * 60
    browsed = pick(rng, catalogue.weights, len(account)) * SKUS_PER_CATEGORY + rng.integers(
        0, SKUS_PER_CATEGORY, len(account)
    )

    session_account = np.concatenate([orders.account[bought], account])
    session_end = np.concatenate([orders.at[bought] * 60, visit_at])
    session_sku = np.concatenate([orders.sku[bought], browsed])
    session_channel = np.concatenate([orders.channel[bought], pick(rng, np.array([2.0, 4.0, 4.0]), len(account))])
    sessions = len(session_account)
    is_buy = np.arange(sessions) < len(bought)
    in_cart = is_buy | chance(rng, sessions, numbers["cart_share"])
    kinds = ["login", "view", "add_to_cart", "checkout", "purchase", "share"]
    views = rng.integers(1, 4, sessions)
    chosen = [
        (0, np.flatnonzero(chance(rng, sessions, 0.5)), 480),
        *((1, np.flatnonzero(views > n), 400 - 60 * n) for n in range(3)),
        (2, np.flatnonzero(in_cart), 150),
        (3, np.flatnonzero(is_buy), 60),
        (4, np.flatnonzero(is_buy), 0),
        (5, np.flatnonzero(chance(rng, sessions, 0.02)), 30),
    ]
    session = np.concatenate([s for _, s, _ in chosen])
    kind = np.concatenate([np.full(len(s), k) for k, s, _ in chosen])
    before = np.concatenate([lead + rng.integers(0, 50, len(s)) * (lead > 0) for _, s, lead in chosen])
    at = np.maximum(session_end[session] - before, session_end[session] // 86400 * 86400)
    order = np.lexsort((kind, session, at))
    session, kind, at = session[order], kind[order], at[order]
    count = len(session)
    article = np.where(kind == 0, -1, session_sku[session])
    category = np.where(article < 0, -1, catalogue.category[np.maximum(article, 0)])
    world.tables["ecommerce_events"] = Table(
        "ecommerce_events",
        {
            "event_id": identifiers("V", np.arange(1, count + 1), 9),
            "occurred_at": number("seconds", at),
            "account_id": identifiers("A", session_account[session] + 1, 8),
            "session_id": identifiers("S", session, 9),
            "event_type": coded(kinds, kind),
            "sku": coded(catalogue.sku, article),
            "category": coded(catalogue.categories, category),
            "channel": coded(["web", "app", "mini_program"], session_channel[session]),
        },
        born=at // 86400,
        settled=at // 86400,
        person=accounts.person[session_account[session]],
        stale={"channel": coded(["web"], np.full(count, -1))},
    )


@dataclass
class Cases:
    """Service cases, for the surveys."""

    person: Ints
    resolved: Ints  # minute; -1: unsolved
    complaint: Bools
    wait: Ints
    member: Ints
    account: Ints


def _cases_table(
    seed: int, world: World, members: Roll, accounts: Roll, baskets: Baskets, heavy: Bools, last_day: int
) -> Cases:
    """`call_center/cases`: most follow a purchase; some callers never bought under a name."""
    rng, people, numbers = stream(seed, "cases"), world.people, behaviour()
    after = np.flatnonzero(chance(rng, len(baskets.person), numbers["cases_per_100_baskets"] / 100))
    strangers = np.flatnonzero(chance(rng, len(people), numbers["cases_of_strangers"]))
    first_day = int(baskets.day.min(initial=last_day))
    who = np.concatenate([baskets.person[after], strangers])
    day = np.concatenate(
        [
            baskets.day[after] + np.minimum(rng.geometric(0.25, len(after)), 25),
            first_day + (rng.random(len(strangers)) * (last_day - first_day + 1)).astype(np.int64),
        ]
    )
    kept = day <= last_day
    who, day = who[kept], day[kept]
    opened = _minute(rng, day, OFFICE_HOURS)
    order = np.argsort(opened, kind="stable")
    who, opened = who[order], opened[order]
    day, count = opened // DAY, len(order)
    complaint = chance(rng, count, np.where(heavy[who], numbers["complaint_heavy"], numbers["complaint_light"]))
    kind = np.where(complaint, 0, pick(rng, np.array([0.0, 6.0, 2.5, 1.5]), count))
    bot = chance(rng, count, numbers["bot_share"]) & ~complaint
    wait = np.where(bot, 0, np.minimum(rng.lognormal(np.log(9), 1.1, count).astype(np.int64), 200))
    responded = np.minimum(opened + wait, day * DAY + DAY - 1)
    solved = chance(rng, count, np.where(complaint, numbers["resolved_share"] - 0.1, numbers["resolved_share"] + 0.02))
    quick = chance(rng, count, 0.7)
    took = np.where(quick, rng.lognormal(np.log(12), 0.9, count), rng.lognormal(np.log(1500), 0.9, count)).astype(
        np.int64
    )
    resolved = responded + np.minimum(took, 20 * DAY)
    solved &= resolved // DAY <= last_day
    settled = np.where(solved, resolved // DAY, day)

    member, account = members.used(rng, who, day), accounts.used(rng, who, day)
    by_member = (member >= 0) & chance(rng, count, 0.3)
    by_account = (account >= 0) & chance(rng, count, 0.3)
    anonymous = ~by_member & ~by_account
    calls = anonymous | chance(rng, count, 0.8)
    given = np.where(calls, numbers_at(people, who, day, rng, world.planted, "call_center_cases"), 0)
    channel = np.where(chance(rng, count, 0.62), 0, pick(rng, np.array([0.0, 5.0, 1.0]), count))
    latin = people.profile.latin
    keys = identifiers("C", np.arange(1, count + 1), 8)
    topics = ["product", "logistics", "communication", "service", "campaign", "gift"]
    world.tables["call_center_cases"] = Table(
        "call_center_cases",
        {
            "case_id": keys,
            "opened_at": number("minutes", opened),
            "first_response_at": number("minutes", responded),
            "resolved_at": number("minutes", resolved, ~solved),
            "caller_name": text(write_names(people, who, rng, world.planted, "call_center_cases")),
            "caller_phone": text(write_phones(people, who, given, rng, world.planted, "call_center_cases")),
            "member_id": identifiers("M", np.where(by_member, member + 1, -1), 8),
            "account_id": identifiers("A", np.where(by_account, account + 1, -1), 8),
            "channel": coded(["phone", "chat", "email"] if latin else ["电话", "在线", "email"], channel),
            "direction": coded(["inbound"], np.zeros(count, np.int64)),
            "case_type": coded(
                ["complaint", "inquiry", "repair", "suggestion"] if latin else ["投诉", "咨询", "报修", "建议"], kind
            ),
            "topic": coded(
                topics if latin else ["产品", "物流", "沟通", "服务", "活动", "赠品"],
                pick(rng, np.array([6.0, 5.0, 2.0, 4.0, 2.0, 1.0]), count),
            ),
            "need": coded(
                ["functional", "service", "emotional"] if latin else ["功能", "服务", "情感"],
                pick(rng, np.array([5.0, 4.0, 2.0]), count),
            ),
            "is_resolved": coded(["N", "Y"] if latin else ["否", "是"], solved.astype(np.int64)),
            "handled_by": coded(["human", "bot"], bot.astype(np.int64)),
            "agent_id": coded([f"AG{n:03d}" for n in range(40)], np.where(bot, -1, rng.integers(0, 40, count))),
        },
        born=day,
        settled=settled,
        person=who,
        stale={
            "resolved_at": number("minutes", resolved, np.full(count, True)),
            "is_resolved": coded(["N"] if latin else ["否"], np.zeros(count, np.int64)),
        },
        stale_differs=solved,
    )
    world.records["call_center.cases"] = (np.arange(1, count + 1), who)
    world.planted["call_center_cases:complaint"] += int(complaint.sum())
    shown_member, shown_account = np.where(by_member, member, -1), np.where(by_account, account, -1)
    return Cases(who, np.where(solved, resolved, -1), complaint, wait, shown_member, shown_account)


def _surveys_table(seed: int, world: World, members: Roll, accounts: Roll, cases: Cases, last_day: int) -> None:
    """`call_center/surveys`: answers after a case, and some at large."""
    rng, people, numbers = stream(seed, "surveys"), world.people, behaviour()
    asked = np.flatnonzero((cases.resolved >= 0) & chance(rng, len(cases.person), numbers["survey_after_case"]))
    at_large = np.flatnonzero(
        ((members.first >= 0) | (accounts.first >= 0))
        & chance(rng, len(people), numbers["survey_at_large"])
        & (people.start < last_day - 2)
    )
    since = np.maximum(people.start[at_large] + 1, last_day - 300)
    free_day = since + (rng.random(len(at_large)) * (last_day - since)).astype(np.int64)
    who = np.concatenate([cases.person[asked], at_large])
    at = np.concatenate(
        [cases.resolved[asked] + rng.integers(10, 2 * DAY, len(asked)), _minute(rng, free_day, ONLINE_HOURS)]
    )
    case = np.concatenate([asked, np.full(len(at_large), -1)])
    kept = at // DAY <= last_day
    who, at, case = who[kept], at[kept], case[kept]
    order = np.argsort(at, kind="stable")
    who, at, case = who[order], at[order], case[order]
    count, day = len(who), at // DAY
    behind = np.maximum(case, 0)
    mood = np.full(count, 8.2)
    if len(cases.person):
        troubled = (case >= 0) & cases.complaint[behind]
        mood -= np.where(troubled, 2.6, 0) + np.where(case >= 0, np.minimum(cases.wait[behind] / 40, 2), 0)
    nps = np.clip(np.round(mood + rng.normal(0, 1.8, count)), 0, 10).astype(np.int64)
    csat = np.clip(np.round(mood / 2 + rng.normal(0.2, 0.8, count)), 1, 5).astype(np.int64)
    answers = (
        ["very good", "fine", "slow", "not solved"]
        if people.profile.latin
        else ["服务很好", "还可以", "等待时间太长", "问题没有解决"]
    )
    comment = np.select([nps >= 9, nps >= 7, nps >= 5], [0, 1, 2], 3)
    member, account = members.used(rng, who, day), accounts.used(rng, who, day)
    by_member = (case < 0) & (member >= 0) & chance(rng, count, 0.5)
    by_account = (case < 0) & (account >= 0) & ~by_member & chance(rng, count, 0.5)
    dials = (case < 0) & ~by_member & ~by_account | chance(rng, count, 0.4)
    given = np.where(dials, numbers_at(people, who, day, rng, world.planted, "call_center_surveys"), 0)
    keys = identifiers("Q", np.arange(1, count + 1), 8)
    world.tables["call_center_surveys"] = Table(
        "call_center_surveys",
        {
            "survey_id": keys,
            "responded_at": number("minutes", at),
            "case_id": identifiers("C", np.where(case < 0, -1, case + 1), 8),
            "phone": text(write_phones(people, who, given, rng, world.planted, "call_center_surveys")),
            "member_id": identifiers("M", np.where(by_member, member + 1, -1), 8),
            "account_id": identifiers("A", np.where(by_account, account + 1, -1), 8),
            "nps": number("integer", nps),
            "csat": number("integer", csat),
            "comment": coded(answers, np.where(chance(rng, count, 0.4), comment, -1)),
        },
        born=day,
        settled=day,
        person=who,
        stale={"csat": number("integer", csat, np.full(count, True))},
    )
    world.records["call_center.surveys"] = (np.arange(1, count + 1), who)
