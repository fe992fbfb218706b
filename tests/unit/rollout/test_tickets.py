"""Support tickets as help desks export them: what is usable counts, what is not is answered with its line."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import CallerError
from domain.rollout.tickets import read_tickets

NOW = datetime(2022, 12, 14, tzinfo=UTC)
KNOWN = {"anna": "d1", "bert": "d2"}

GOOD = b"ticket,driver,opened_at,category\n1,anna,2022-12-01,charging\n2,bert,2022-12-02T18:00:00+01:00,app\n"


def read(body: bytes):
    return read_tickets(body, KNOWN.get, NOW)


def test_a_clean_file_is_read_and_instants_are_utc():
    found = read(GOOD)
    assert [(t.ticket_id, t.driver_id, t.category) for t in found.tickets] == [
        ("1", "d1", "charging"),
        ("2", "d2", "app"),
    ]
    assert found.tickets[1].opened_at == datetime(2022, 12, 2, 17, 0, tzinfo=UTC)
    assert found.complaints == ()


@pytest.mark.parametrize(
    "body",
    [
        GOOD.replace(b",", b";"),
        GOOD.replace(b",", b"\t"),
        b"\xef\xbb\xbf" + GOOD,
        GOOD.decode().encode("utf-16"),
        GOOD.replace(b"\n", b"\r\n"),
        b"\n\n" + GOOD + b"\n,,,\n",
        GOOD.replace(b"ticket,driver,opened_at,category", b" Ticket ID ,Customer,Created at,Topic"),
        GOOD.replace(b"charging", b'"charging"'),
        GOOD.replace(b"\n", b"\r"),
    ],
)
def test_the_same_file_in_other_clothes_reads_the_same(body):
    found = read(body)
    assert found.tickets == read(GOOD).tickets
    assert found.complaints == ()


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",anna,2022-12-01,x", "no ticket"),
        ("3,,2022-12-01,x", "no driver"),
        ("3,anna,,x", "no opened_at"),
        ("3,anna", "no opened_at"),
        ("3,carl,2022-12-01,x", "no such driver"),
        ("3,anna,01/12/2022,x", "opened_at is not understood: '01/12/2022'"),
        ("3,anna,2022-13-01,x", "not understood"),
        ("3,anna,2023-01-01,x", "in the future"),
        ("3,anna,0001-01-01T00:00+14:00,x", "not understood"),
        ("1,bert,2022-12-01,x", "told twice, and differently"),
        ('3,anna,2022-12-01,"never closed', "cannot be read"),
        ('3,anna,2022-12-01,"closed" too early', "cannot be read"),
        (f'3,anna,2022-12-01,"{200_000 * "x"}', "cannot be read"),
    ],
)
def test_a_row_that_cannot_be_used_is_answered_with_its_line_and_the_others_count(row, reason):
    found = read(GOOD + row.encode() + b"\n4,bert,2022-12-03,x\n")
    assert [t.ticket_id for t in found.tickets] == ["1", "2", "4"]
    assert [complaint.line for complaint in found.complaints] == [4]
    assert reason in found.complaints[0].reason


def test_a_row_over_two_lines_counts_once_and_the_next_one_has_its_own_line():
    found = read(GOOD.replace(b"charging", b'"no\ncharge"') + b"3,carl,2022-12-01,x\n")
    assert [t.ticket_id for t in found.tickets] == ["1", "2"]
    assert [(complaint.line, complaint.reason) for complaint in found.complaints] == [
        (5, "no such driver in the program")
    ]


def test_a_repeated_row_counts_once():
    found = read(GOOD + b"1,anna,2022-12-01,charging\n")
    assert (len(found.tickets), found.repeated, found.complaints) == (2, 1, ())


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"PK\x03\x04\x00\x00", "not a text"),
        (b"a,b\n1,2\n", "no column ticket, driver"),
    ],
)
def test_what_is_no_table_of_tickets_is_refused_as_a_whole(body, reason):
    with pytest.raises(CallerError, match=reason):
        read(body)


@given(st.binary(max_size=200))
def test_no_bytes_break_it(tail):
    try:
        found = read(GOOD + tail)
    except CallerError:
        return
    assert len(found.tickets) + len(found.complaints) >= 0
