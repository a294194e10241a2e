"""What two records can be asked to share before they are compared: named keys, and the SQL behind each name.

What belongs here: the names that `blocking_rules.csv` may join by `+`, each an expression over `subjects`. What does
not: which keys make a rule and how large its blocks may be (policy), and the pairs (`scoring.py`).
"""

_PHONE_ENDS = (
    "coalesce(left(phone_national, 3) || right(phone_national, 4), left(phone_mask, 3) || right(phone_mask, 4))"
)

KEYS = {
    "name": "name_key",
    "name_sound": "coalesce(sound_key, spelled_sound)",
    "surname": "surname_sound",
    "surname_initial": "left(surname_sound, 1)",
    "surname_start": "left(surname_sound, 3)",
    "given_name": "given_sound",
    "given_initial": "left(given_sound, 1)",
    "given_start": "left(given_sound, 2)",
    "gender": "coalesce(title_gender, gender)",
    "birthday": "birthday",
    "birth_year": "year(birthday)",
    "birth_month": "strftime(birthday, '%Y%m')",
    "birth_day": "strftime(birthday, '%m%d')",
    "phone": "phone",
    "phone_start": "left(phone_national, 7)",
    "phone_without_last": "left(phone, 10)",
    "phone_last_four": "right(phone, 4)",
    "phone_last_six": "right(phone_national, 6)",
    "phone_ends": _PHONE_ENDS,
    "email": "email",
    "mailbox": "coalesce(email_local, user_name)",
    "user_name": "user_name",
    "mailbox_start": "left(email_local, 8)",
    "mailbox_end": "right(email_local, 8)",
    "mail_domain": "split_part(email, '@', 2)",
    "city": "city",
    "district": "district",
    "address": "address_key",
    "road": "road",
    "road_number": "road_number",
    "building": "building",
    "room": "room",
    "id_card": "id_card",
    "id_card_start": "case when length(id_card) >= 6 then left(id_card, length(id_card) // 2) end",
    "id_card_end": "case when length(id_card) >= 6 then right(id_card, (length(id_card) + 1) // 2) end",
}
"""Key name to SQL. A record whose key is NULL is in no block of a rule that uses it."""


def joined(keys: tuple[str, ...]) -> str:
    """SQL of several keys as one text; NULL where one of them is."""
    return " || '|' || ".join(f"({KEYS[key]})::varchar" for key in keys)
