"""Rows from files as people have them: what is read, what is refused, and at which line."""

import pytest

from graph.app.settings import ConfigurationError
from graph.cli.workload_file import read_rows

ROWS = [{"workload_name": "one", "required_gpu_mins": 60}, {"workload_name": "two"}]
TEXTS = {
    "rows.jsonl": '{"workload_name": "one", "required_gpu_mins": 60}\n\n{"workload_name": "two"}\n',
    "rows.json": '[{"workload_name": "one", "required_gpu_mins": 60},\n {"workload_name": "two"}]',
    "one.json": '{\n "workload_name": "one",\n "required_gpu_mins": 60\n}',
    "bom.jsonl": '\ufeff{"workload_name": "one", "required_gpu_mins": 60}\n{"workload_name": "two"}',
}


def read(tmp_path, text, name="rows.jsonl"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_rows(path)


@pytest.mark.parametrize("name", TEXTS)
def test_json_lines_and_json_hold_the_same_rows(tmp_path, name):
    found = [row.row for row in read(tmp_path, TEXTS[name], name)]
    assert found == ROWS[: len(found)]
    assert found


def test_csv_has_a_heading_empty_cells_are_left_out_and_a_request_goes_into_metadata(tmp_path):
    text = 'workload_name,required_gpu_mins,user_request,metadata\none,60,"Scotland, please",\ntwo,,,"{""team"": 1}"\n'
    assert [row.row for row in read(tmp_path, text, "rows.csv")] == [
        {"workload_name": "one", "required_gpu_mins": "60", "metadata": {"user_request": "Scotland, please"}},
        {"workload_name": "two", "metadata": {"team": 1}},
    ]


@pytest.mark.parametrize(
    ("text", "where", "problem"),
    [
        ('{"workload_name": "a"}\n{"workload_name": "b", "deadlin": "x"}', "line 2", "did you mean deadline?"),
        ('{"workload_name": "a"}\n{broken', "line 2", "not JSON"),
        ('[{"workload_name": "a"},\n {"b" 3}]', "line 2", "not JSON"),
        ('[{"workload_name": "a"}, 7]', "item 2", "not a JSON object"),
        ("workload_name,urgency\na\n", "line 2", "another number of cells"),
        ("workload_name,urgency\na,LOW,3\n", "line 2", "another number of cells"),
        ("workload_name,gpu_mins\na,3\n", "line 2", "did you mean required_gpu_mins?"),
        ("just a text", "line 1", "neither JSON nor a CSV heading"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_the_rest_is_read(tmp_path, text, where, problem):
    (bad,) = [row for row in read(tmp_path, text) if row.problem]
    assert bad.where == where
    assert problem in bad.problem


@pytest.mark.parametrize(
    ("written", "utc", "zone"),
    [
        ("2026-07-01 09:00", "2026-07-01T08:00:00+00:00", "BST"),
        ("2026-12-01T09:00", "2026-12-01T09:00:00+00:00", "GMT"),
    ],
)
def test_a_time_without_an_offset_is_uk_time_and_that_is_said(tmp_path, written, utc, zone):
    (row,) = read(tmp_path, f'{{"workload_name": "a", "deadline": "{written}"}}')
    assert row.row["deadline"] == utc
    assert "UK time" in row.notes[0]
    assert zone in row.notes[0]


def test_a_time_with_an_offset_stays_as_it_is(tmp_path):
    (row,) = read(tmp_path, '{"workload_name": "a", "deadline": "2026-07-01T09:00+02:00"}')
    assert row.row["deadline"] == "2026-07-01T09:00+02:00"
    assert row.notes == []


def test_a_file_that_cannot_be_read_is_one_line(tmp_path):
    (tmp_path / "empty").write_text("")
    (tmp_path / "latin").write_bytes(b"workload_name\nM\xfcnchen\n")
    for name, words in (("missing", "No such file"), ("empty", "no rows"), ("latin", "UTF-8"), (".", "directory")):
        with pytest.raises(ConfigurationError, match=words) as error:
            read_rows(tmp_path / name)
        assert "\n" not in str(error.value)
