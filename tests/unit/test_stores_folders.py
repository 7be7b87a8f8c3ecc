"""The keys under images' folders: what a LIST for each image would find, in fewer requests."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.domain.failures import Failure, SourceUnavailable
from reindex.stores.folders import FIRST_ALONE, WORTHWHILE, KeyPage, Keys, keys_by_image

#: Few characters, so that ids are beginnings of each other: those before and after the slash and
#: the digit that follows it, and such as UTF-8 and UTF-16 sort differently.
_CHARACTERS = st.sampled_from("a-./01é\uffee\U0001f600")
_IDS = st.text(_CHARACTERS, min_size=1, max_size=4)
_KEYS = st.sets(st.text(_CHARACTERS, min_size=1, max_size=8), max_size=60)


class Bucket:
    """Keys in S3's order, in small pages.

    Attributes:
        requests: LISTs that were made.
        broken: Folders and beginnings of pages that S3 does not answer for.
    """

    def __init__(self, keys: set[str], page: int) -> None:
        self.keys = sorted(keys, key=str.encode)
        self.requests = 0
        self.broken: set[str] = set()
        self._page = page

    def page(self, after: str) -> KeyPage:
        return self._list("", after)

    def within(self, folder: str, after: str) -> Sequence[str]:
        found: list[str] = []
        more = True
        while more:
            page = self._list(folder, found[-1] if found else after)
            found += page.keys
            more = page.more
        return found

    def _list(self, prefix: str, after: str) -> KeyPage:
        self.requests += 1
        if after in self.broken:
            raise SourceUnavailable("S3 did not answer.")
        start = bisect_right(self.keys, after.encode(), key=str.encode)
        left = [key for key in self.keys[start:] if key.startswith(prefix)]
        return KeyPage(left[: self._page], len(left) > self._page)


def in_turn(work: Callable[[str], Keys], ids: Sequence[str]) -> list[Keys]:
    return [work(image_id) for image_id in ids]


def naive(bucket: Bucket, image_id: str) -> list[str]:
    folder = f"{image_id}/"
    return [key for key in bucket.keys if key.startswith(folder) and key != folder]


@given(ids=st.lists(_IDS, max_size=30), keys=_KEYS, page=st.integers(1, 12))
def test_keys_are_those_of_a_listing_for_each_image_and_requests_are_no_more(
    ids: list[str], keys: set[str], page: int
) -> None:
    keys |= {f"{image_id}/{key}" for image_id, key in zip(ids, keys, strict=False)}
    bucket = Bucket(keys, page)

    found = keys_by_image(ids, bucket, in_turn)

    assert found == {image_id: naive(bucket, image_id) for image_id in ids}
    # One for each image, and one for each page that its folder fills.
    assert bucket.requests <= sum(1 + len(naive(bucket, i)) // page for i in found)


def test_images_that_lie_close_together_share_pages() -> None:
    ids = [f"{n:04}" for n in range(1000)]
    bucket = Bucket({f"{image_id}/{crop}" for image_id in ids[::10] for crop in range(5)}, 100)

    keys_by_image(ids, bucket, in_turn)

    assert bucket.requests <= 1 + 500 // 90


def test_images_that_lie_far_apart_are_listed_side_by_side() -> None:
    ids = [f"{n:04}" for n in range(100)]
    bucket = Bucket({f"{image_id}/{crop}" for image_id in ids for crop in range(100)}, 100)
    side_by_side: list[int] = []

    def note(work: Callable[[str], Keys], ids: Sequence[str]) -> list[Keys]:
        side_by_side.append(len(ids))
        return in_turn(work, ids)

    keys_by_image([*ids[::2]], bucket, note)

    assert sum(side_by_side) >= 45


def test_folders_listed_alone_are_followed_by_another_try_to_merge() -> None:
    apart = [f"a{n}" for n in range(1 + FIRST_ALONE)]
    close = [f"b{n:02}" for n in range(50)]
    keys = {f"{image_id}/{crop}" for image_id in apart for crop in range(20)}
    bucket = Bucket(keys | {f"{image_id}/1" for image_id in close}, 10 * WORTHWHILE // 4)

    keys_by_image([*apart, *close], bucket, in_turn)

    assert bucket.requests < len(apart) + len(close) // 2


def test_a_folder_that_cannot_be_listed_alone_fails_its_image_alone() -> None:
    ids = [f"{n:04}" for n in range(10)]
    bucket = Bucket({f"{image_id}/{crop}" for image_id in ids for crop in range(9)}, 10)
    bucket.broken = {f"{ids[2]}/"}

    found = keys_by_image(ids, bucket, in_turn)

    assert [image_id for image_id, keys in found.items() if isinstance(keys, Failure)] == [ids[2]]
    assert found.keys() == {*ids}


def test_a_page_that_cannot_be_read_fails_the_images_it_was_to_serve() -> None:
    ids = [f"{n:04}" for n in range(30)]
    bucket = Bucket({f"{image_id}/1" for image_id in ids}, 10)
    bucket.broken = {f"{ids[9]}/"}

    found = keys_by_image(ids, bucket, in_turn)

    assert [found[image_id] for image_id in ids[:9]] == [[f"{i}/1"] for i in ids[:9]]
    failures = [found[image_id] for image_id in ids[9:]]
    assert all(isinstance(failure, Failure) and failure.retryable for failure in failures)


@pytest.mark.parametrize("page", [KeyPage([], more=True), KeyPage(["a/1"], more=True)])
def test_a_page_that_holds_less_than_the_first_folder_is_followed_within_it(page: KeyPage) -> None:
    class Short(Bucket):
        def page(self, after: str) -> KeyPage:
            return page

    found = keys_by_image(["a", "b"], Short({"a/1", "a/2"}, 10), in_turn)

    assert found == {"a": ["a/1", "a/2"], "b": []}
