"""Keys from ids, and ids from keys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.domain.key_templates import KeyTemplate, TemplateError

SHA = "4e1243bd22c66e76c2ba9eddc1f91394e57f9f83"
REVERSIBLE = (
    "{id[:6]/}{id}",
    "{id}",
    "{id}.jpg",
    "originals/{id[0:2]}/{id[2:4]}/{id}.tif",
    "{id[0:2]}/{id[2:]}",
    "{id[2:]}-{id[0]}{id[1]}",
    "{id}/{id}.png",
)


@pytest.mark.parametrize(
    ("template", "image_id", "key"),
    [
        ("{id[:6]/}{id}", SHA, f"4/e/1/2/4/3/{SHA}"),
        ("{id[:6]/}{id}", "abc", "a/b/c/abc"),
        ("{id}.jpg", "2019/photo 7", "2019/photo 7.jpg"),
        ("{id[0:2]}/{id}", "a", "a/a"),
        ("{id[0:2]}/{id[2:]}", SHA, f"4e/{SHA[2:]}"),
        ("x/{id[3]}/{id}", "abcdef", "x/d/abcdef"),
    ],
)
def test_a_key_is_made_of_the_id(template: str, image_id: str, key: str) -> None:
    assert KeyTemplate(template).key(image_id) == key
    assert KeyTemplate(template).image_id(key) == image_id


@pytest.mark.parametrize("template", REVERSIBLE)
@given(image_id=st.text(st.characters(codec="utf-8"), min_size=1, max_size=50))
def test_every_id_is_read_back(template: str, image_id: str) -> None:
    made = KeyTemplate(template)
    assert made.is_reversible
    assert made.image_id(made.key(image_id)) == image_id


@pytest.mark.parametrize("template", REVERSIBLE)
@given(key=st.text(st.sampled_from("abc/.jpgniotf-"), max_size=30))
def test_a_key_of_another_form_has_no_id(template: str, key: str) -> None:
    made = KeyTemplate(template)
    found = made.image_id(key)
    assert found is None or made.key(found) == key


@pytest.mark.parametrize("template", ["{id[0:2]}", "{id[1:]}", "{id[0:2]}/{id[3:]}"])
def test_a_key_that_does_not_contain_the_whole_id_is_reported(template: str) -> None:
    assert not KeyTemplate(template).is_reversible


@pytest.mark.parametrize("template", ["", "originals", "{ID}", "{id", "{id[a]}", "{id}{name}"])
def test_what_is_no_template_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        KeyTemplate(template).key("a")


def test_what_all_keys_have_in_common() -> None:
    template = KeyTemplate("a/b/{id[:6]/}x/{id}.jpg")
    assert (template.prefix, template.suffix, template.folders) == ("a/b/", ".jpg", 7)
    assert (KeyTemplate("{id}").prefix, KeyTemplate("{id}").folders) == ("", 0)
