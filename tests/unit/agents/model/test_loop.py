"""JSON is read whatever a model puts around it."""

import pytest

from agents.model.loop import _unfenced


@pytest.mark.parametrize(
    "text",
    ['{"a": 1}', '```json\n{"a": 1}\n```', '```\n{"a": 1}\n```', '  ```json\n\n{"a": 1}```  \n'],
)
def test_fences_are_taken_off(text: str) -> None:
    assert _unfenced(text).strip() == '{"a": 1}'


def test_fences_inside_a_text_stay() -> None:
    text = '{"a": "```json\\n1\\n```"}'
    assert _unfenced(text) == text
