"""Whether a text is English: the rules read no other language, and say so."""

from collections.abc import Sequence

from agents.request.tokens import Tag, words

_ENOUGH_WORDS = 4
_ENGLISH_SHARE = 0.25
_COMMON = words(
    "the a an and or but not no in on at by to for from of with is are be it this that we i you my our your please "
    "run job must should can do does don't have has will would only before after until than then if when as so "
    "all any need want keep start finish there they them its out up was were been which what how very also more"
)
_OTHERS = words(
    # German, French, Spanish, Italian, Portuguese, Dutch, Polish, Welsh
    "der die das und nicht bitte ist den dem ein eine auf mit bis vor nach zwischen uhr nur kein keine soll muss "
    "le la les et ne pas avant apres après dans une des du est doit sur avec entre heures seulement il ce sans "
    "el los las y no antes despues después en del por con hasta entre horas solo debe que para sin "
    "il lo gli e non prima dopo nella della entro fino ore deve che per con senza "
    "o os as não antes depois até com deve que para sem het een en niet voor na tussen uur alleen moet van "
    "nie przed po tylko musi godzina do na proszę yn y ar ac i ddim cyn ar ôl rhaid dim"
)


def is_english(text: str, tags: Sequence[Tag]) -> bool:
    """Few words are enough of neither; then it is for the rules to find nothing."""
    said = "".join(c if c.isalpha() or c == "'" else " " for c in text.lower()).split()
    foreign_letters = sum(c.isalpha() and not c.isascii() for c in text)
    if len(said) < _ENOUGH_WORDS:
        return foreign_letters <= len(text) / 3
    if foreign_letters > sum(map(len, said)) / 3:
        return False
    english = sum(word in _COMMON for word in said)
    other = sum(word in _OTHERS - _COMMON for word in said)
    return other <= english or other < _ENGLISH_SHARE * len(said)
