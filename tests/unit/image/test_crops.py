from datetime import UTC, datetime

import pytest

from reindex.domain.failures import InvalidUserData
from reindex.image.crops import crops
from reindex.image.truth import StoredObject
from tests.unit.image.truths import ID, crop, stored

URI = f"https://crops.example.com/{ID}"


def test_a_crop_has_a_master_and_assets() -> None:
    objects = [
        crop("a/1000.jpg", size=2, width="1000", height="750"),
        crop("a/master/2000.jpg", size=3, rotation="90"),
        crop("a/500.jpg", size=1, width="500", height="375"),
    ]
    (found,) = crops(objects).document
    assert found == {
        "id": "0_0_2000_1500",
        "author": "picture.desk@example.com",
        "date": "2024-06-13T08:00:00.000Z",
        "specification": {
            "uri": f"https://api.example.com/images/{ID}",
            "bounds": {"x": 0, "y": 0, "width": 2000, "height": 1500},
            "type": "crop",
            "aspectRatio": "4:3",
            "rotation": 90,
        },
        "master": {
            "file": f"{URI}/a/master/2000.jpg",
            "size": 3,
            "dimensions": {"width": 2000, "height": 1500},
        },
        "assets": [
            {
                "file": f"{URI}/a/500.jpg",
                "size": 1,
                "dimensions": {"width": 500, "height": 375},
            },
            {
                "file": f"{URI}/a/1000.jpg",
                "size": 2,
                "dimensions": {"width": 1000, "height": 750},
            },
        ],
    }


def _with(user_metadata: dict[str, str], name: str = "a.jpg") -> StoredObject:
    return StoredObject(f"{URI}/{name}", 1, datetime(2024, 1, 1, tzinfo=UTC), user_metadata)


@pytest.mark.parametrize(
    "names",
    [
        ("bounds-x", "bounds-y", "bounds-width", "bounds-height"),
        ("bounds_x", "bounds_y", "bounds_w", "bounds_h"),
        ("bounds_x", "bounds_y", "bounds_width", "bounds_height"),
    ],
)
def test_bounds_are_read_under_new_and_old_names(names: tuple[str, ...]) -> None:
    values = dict(zip(names, ("1", "2", "3", "4"), strict=True))
    assert crops([_with(values)]).document[0]["id"] == "1_2_3_4"


def test_objects_with_equal_bounds_are_one_crop_and_crops_are_sorted_by_bounds() -> None:
    objects = [
        crop("b/1.jpg", bounds_x="10"),
        crop("b/2.jpg", bounds_x="10", width="1", height="1"),
        crop("a/1.jpg", bounds_x="9"),
    ]
    for order in (objects, objects[::-1]):
        found = crops(order).document
        assert [each["id"] for each in found] == ["9_0_2000_1500", "10_0_2000_1500"]
        assert [len(each["assets"]) for each in found] == [1, 2]


def test_only_the_parent_folder_marks_a_master() -> None:
    (found,) = crops([crop("master.jpg"), crop("master/x/1.jpg")]).document
    assert "master" not in found


def test_a_master_alone_has_no_assets() -> None:
    (found,) = crops([crop("a/master/1.jpg")]).document
    assert "assets" not in found


def test_the_master_describes_the_crop_and_any_asset_can_give_its_date() -> None:
    objects = [
        crop("a/1.jpg", author="asset", date="2024-06-01T00:00:00Z"),
        crop("a/master/1.jpg", author="master", date=""),
    ]
    found = crops(objects)
    assert found.document[0]["author"] == "master"
    assert found.document[0]["date"] == "2024-06-01T00:00:00.000Z"
    assert found.last_modified == datetime(2024, 6, 1, tzinfo=UTC)


def test_last_modified_is_the_newest_crop() -> None:
    objects = [
        crop("a.jpg", bounds_x="1", date="2024-06-02T00:00:00Z"),
        crop("b.jpg", bounds_x="2", date="2024-06-03T00:00:00Z"),
        crop("c.jpg", bounds_x="3", date="2024-06-01T00:00:00+01:00"),
    ]
    assert crops(objects).last_modified == datetime(2024, 6, 3, tzinfo=UTC)


def test_an_object_without_bounds_is_ignored() -> None:
    assert crops([stored(f"{URI}/")]).document == []


def test_percent_signs_are_decoded_and_plus_signs_kept() -> None:
    (found,) = crops([crop(author="a%40b+c", date="2024-06-01T00:00:00+00:00")]).document
    assert found["author"] == "a@b+c"
    assert found["date"] == "2024-06-01T00:00:00.000Z"


def test_fractions_of_a_pixel_are_rounded() -> None:
    assert crops([crop(bounds_x="1.6")]).document[0]["specification"]["bounds"]["x"] == 2


@pytest.mark.parametrize(
    ("user_metadata", "message"),
    [
        ({"bounds-x": "1"}, "crops: a crop's bounds are incomplete"),
        ({"bounds-x": "left"}, "crops: bounds-x is no number"),
        ({"bounds-x": "inf"}, "crops: bounds-x is no number"),
        ({"bounds-x": "1", "bounds-width": "NaN"}, "crops: bounds-width is no number"),
    ],
)
def test_malformed_crops_are_typed_failures(user_metadata: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidUserData) as caught:
        crops([_with(user_metadata)])
    assert caught.value.message == message
    assert URI in caught.value.detail or caught.value.detail.startswith("'")
