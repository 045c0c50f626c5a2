"""What a process remembers of conversations is for those whom it was shown to, and soon stale."""

from uuid import UUID

import pytest

from libs.common.ids import new_id
from services.conversations.adapters import recent_conversations
from services.conversations.adapters.recent_conversations import RecentConversations
from services.conversations.domain.answers import AnswerKind, QuestionIds
from services.conversations.domain.people import Person

TENANT, AGENT, CONVERSATION = new_id(), new_id(), new_id()


def make_person(*, tenant_id: UUID = TENANT, lead_id: UUID | None = None) -> Person:
    """Somebody of the company's, or a lead."""
    return Person(
        tenant_id=tenant_id,
        entity_type="lead" if lead_id else "user",
        entity_id=lead_id or new_id(),
        only_own=lead_id,
    )


def asked(recent: RecentConversations, person: Person, *, alone: bool = True) -> UUID:
    """Note a question; returns the id of its answer."""
    question = QuestionIds.new(person.tenant_id, CONVERSATION).asked(AGENT)
    recent.asked(person, question, AnswerKind.CHAT, alone=alone)
    return question.answer_id


@pytest.mark.parametrize(
    "stranger",
    [make_person(tenant_id=new_id()), make_person(), make_person(lead_id=new_id())],
    ids=["another company", "not a lead", "another lead"],
)
def test_nobody_else_profits(stranger: Person) -> None:
    recent = RecentConversations()
    asked(recent, make_person(lead_id=new_id()))

    with recent.asking(stranger, CONVERSATION) as agent_id:
        assert agent_id is None
    assert recent.just_asked(stranger.tenant_id, CONVERSATION, stranger.only_own) is None


def test_knows_whom_a_conversation_is_with() -> None:
    recent, person = RecentConversations(), make_person()
    recent.opened(person, CONVERSATION, AGENT)

    with recent.asking(person, CONVERSATION) as agent_id:
        assert agent_id == AGENT
    recent.forget(TENANT, CONVERSATION)
    with recent.asking(person, CONVERSATION) as agent_id:
        assert agent_id is None


def test_a_crowd_is_not_prepared_for() -> None:
    recent, person = RecentConversations(), make_person()
    recent.opened(person, CONVERSATION, AGENT)

    with (
        recent.asking(person, CONVERSATION) as first,
        recent.asking(person, CONVERSATION) as second,
        recent.asking(person, CONVERSATION) as third,
    ):
        assert (first, second, third) == (AGENT, AGENT, None)


def test_an_answer_is_known_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    recent, person = RecentConversations(), make_person()
    answer_id = asked(recent, person)

    status = recent.just_asked(TENANT, CONVERSATION, None)
    assert status is not None
    assert (status.answer_id, status.state.pending) == (answer_id, True)
    monkeypatch.setattr(recent_conversations, "_FRESH_SECONDS", -1.0)
    assert recent.just_asked(TENANT, CONVERSATION, None) is None


def test_one_of_several_answers_is_not_the_whole_story() -> None:
    recent, person = RecentConversations(), make_person()
    asked(recent, person)
    asked(recent, person, alone=False)

    assert recent.just_asked(TENANT, CONVERSATION, None) is None


def test_the_oldest_are_forgotten() -> None:
    recent, person = RecentConversations(size=2), make_person()
    conversations = [new_id() for _ in range(3)]
    for conversation_id in conversations:
        recent.opened(person, conversation_id, AGENT)

    known = []
    for conversation_id in conversations:
        with recent.asking(person, conversation_id) as agent_id:
            known.append(agent_id is not None)
    assert known == [False, True, True]
