"""What each value of a text is, by the network."""

import numpy as np
import pytest

from agents.request.network import LONGEST, UNKNOWN, WHOLE, Judgement, network
from agents.request.reader import values_of
from agents.request.roles import NONE, ROLES, can_be
from agents.request.tokens import tokens
from tests.unit.agents.request.labels import NOW


def judged(text: str) -> Judgement:
    return network().judge(values_of(tokens(text), NOW))


def roles(text: str) -> list[dict[str, float]]:
    return [dict(found) for found in judged(text).roles if found]


def test_the_weights_are_of_the_roles_that_there_are() -> None:
    assert len(network()._weights["heads"]) == len(ROLES) + 1 + len(WHOLE)


def test_probabilities_of_a_value_are_those_of_its_own_roles() -> None:
    text = "Finish by 6pm, only in Wales, at most £5 and 2 kg, never on Mondays."
    tags = values_of(tokens(text), NOW)
    for tag, found in zip(tags, network().judge(tags).roles, strict=True):
        assert set(found) == ({NONE, *can_be(tag)} if can_be(tag) else set())
        assert not found or sum(found.values()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Not in Leeds.", "Not in Kent."), ("Finish by 6pm.", "Finish by 9pm."), ("At most £5.", "At most £77.")],
)  # fmt: skip
def test_the_value_itself_makes_no_difference(one: str, other: str) -> None:
    assert roles(one) == roles(other)


def test_values_of_a_list_have_one_role() -> None:
    assert all(found["not_on"] > 0.8 for found in roles("Please avoid London, Kent and Wales."))


def test_a_word_of_any_length_is_a_few_pieces() -> None:
    coder = network().coder
    assert len(coder.pieces_of("zxqj" * 500)) <= 4
    assert coder.pieces_of("forbidding") == [coder.pieces["forbid"], coder.pieces["##ding"]]
    assert coder.pieces_of("ж") == [coder.pieces[UNKNOWN]]


def test_a_text_that_is_too_long_to_judge_at_once_is_judged_in_parts() -> None:
    sentence = "Only in Wales, please. "
    tags = values_of(tokens(sentence * 120), NOW)
    found = [role for role in network().judge(tags).roles if role]
    assert sum(map(len, network().coder.coded(tags).pieces)) > LONGEST
    assert len(found) == 120
    assert all(max(role, key=role.__getitem__) == "on" for role in found)


def test_nothing_is_judged_of_nothing() -> None:
    judgement = network().judge([])
    assert judgement.roles == ()
    assert judgement.wish.shape == (0,)
    assert not any(likely for likely, _ in judgement.whole.values())


def test_the_same_text_is_judged_alike() -> None:
    one, two = judged("Only in Wales, by noon tomorrow."), judged("Only in Wales, by noon tomorrow.")
    assert one.roles == two.roles
    assert np.array_equal(one.wish, two.wish)
