"""A topic and a chat in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from reindex.domain.failures import StoreUnavailable


@dataclass
class MemoryNotices:
    """A topic, or a chat, that keeps what it is given."""

    notices: list[str] = field(default_factory=list)
    problem: str = ""

    def publish(self, subject: str, text: str) -> None:
        if self.problem:
            raise StoreUnavailable(self.problem)
        assert subject.isascii()
        assert len(subject) <= 100
        self.notices.append(f"{subject}\n\n{text}")

    def post(self, text: str) -> None:
        if self.problem:
            raise StoreUnavailable(self.problem)
        self.notices.append(text)
