"""How a customer is addressed: 张先生, 张总, 小张, Mr Smith.

What belongs here: building the form of address from what is known of a person. What does not: reading a written
name (`names.py`), or choosing between records of one customer (`orchestration/identity`).
"""

from typing import Literal

Gender = Literal["male", "female"]
TITLE_OF_GENDER = {"male": "先生", "female": "女士"}
LATIN_TITLE_OF_GENDER = {"male": "Mr", "female": "Ms"}


def salutation(
    surname: str | None,
    display_name: str | None,
    *,
    gender: str | None = None,
    honorific: str | None = None,
    honorific_class: str | None = None,
) -> str | None:
    """Form of address; a gendered honorific as written wins, then gender, then rank or kinship, then the name itself.

    With a surname and a known gender the answer is 张先生 even where the record said 张总: a rank may be left
    at any time, and says nothing of the person. None where neither name nor gender is known.
    """
    name = surname or display_name
    latin = bool(name) and name is not None and name[0].isascii()
    if honorific_class == "gendered" and honorific:
        title: str | None = honorific
    elif gender in TITLE_OF_GENDER:
        title = (LATIN_TITLE_OF_GENDER if latin else TITLE_OF_GENDER)[gender]
        if honorific_class == "kinship" and honorific:
            title = honorific
    else:
        title = honorific
    if name is None:
        return title if honorific_class == "gendered" or gender in TITLE_OF_GENDER else None
    if title is None:
        return display_name
    if latin:
        return f"{title} {name}" if title.isascii() else name + title
    return name + title
