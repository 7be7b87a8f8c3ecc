from __future__ import annotations

from collections.abc import Callable

import pytest

from reindex.image.xmp import MAX_NODES, MISSING, Value, flatten, read_xmp

SPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" '
    'xmlns:ext="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    'xmlns:core="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/" '
    'xmlns:own="http://example.org/own/" '
    'xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
)
RDF = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'


def packet(body: str, attributes: str = "") -> bytes:
    return (
        f'<?xpacket begin="\ufeff"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {RDF}>'
        f'<rdf:Description rdf:about="" {SPACES} {attributes}>{body}</rdf:Description>'
        f'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def tree(*packets: bytes) -> dict[str, Value]:
    return read_xmp(packets)[0]


def flat(body: str, attributes: str = "") -> dict[str, str | list[str]]:
    return flatten(tree(packet(body, attributes)))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param("<dc:format> a/b </dc:format>", {"dc:format": "a/b"}, id="a text"),
        pytest.param(
            "<dc:subject><rdf:Bag><rdf:li>a</rdf:li><rdf:li/><rdf:li>b</rdf:li></rdf:Bag></dc:subject>",
            {"dc:subject": ["a", "b"]},
            id="an array",
        ),
        pytest.param(
            '<dc:title><rdf:Alt><rdf:li xml:lang="fr-FR">F</rdf:li>'
            '<rdf:li xml:lang="x-default">D</rdf:li></rdf:Alt></dc:title>',
            {"dc:title": "D", "dc:title[@fr-FR]": "F"},
            id="language alternatives with a default",
        ),
        pytest.param(
            '<dc:title><rdf:Alt><rdf:li xml:lang="de">D</rdf:li>'
            '<rdf:li xml:lang="fr">F</rdf:li></rdf:Alt></dc:title>',
            {"dc:title": "D", "dc:title[@de]": "D", "dc:title[@fr]": "F"},
            id="language alternatives without a default",
        ),
        pytest.param(
            "<dc:title><rdf:Alt><rdf:li>D</rdf:li></rdf:Alt></dc:title>",
            {"dc:title": ["D"]},
            id="alternatives without a language",
        ),
        pytest.param(
            '<core:Contact rdf:parseType="Resource"><core:City>Rome</core:City></core:Contact>',
            {"Iptc4xmpCore:Contact/Iptc4xmpCore:City": "Rome"},
            id="a structure",
        ),
        pytest.param(
            '<core:Contact core:City="Rome"/>',
            {"Iptc4xmpCore:Contact/Iptc4xmpCore:City": "Rome"},
            id="a structure as attributes",
        ),
        pytest.param(
            "<core:Contact><rdf:Description><core:City>Rome</core:City>"
            "</rdf:Description></core:Contact>",
            {"Iptc4xmpCore:Contact/Iptc4xmpCore:City": "Rome"},
            id="a structure as a description",
        ),
        pytest.param(
            '<ext:Place><rdf:Bag><rdf:li ext:City="Rome"/>'
            '<rdf:li ext:City="Paris" ext:Country="France"/></rdf:Bag></ext:Place>',
            {
                "Iptc4xmpExt:Place/Iptc4xmpExt:City": ["Rome", "Paris"],
                "Iptc4xmpExt:Place/Iptc4xmpExt:Country": [MISSING, "France"],
            },
            id="an array of structures stays aligned",
        ),
        pytest.param(
            '<ext:Place><rdf:Bag><rdf:li rdf:parseType="Resource"><ext:Ids><rdf:Bag>'
            "<rdf:li>1</rdf:li><rdf:li>2</rdf:li></rdf:Bag></ext:Ids></rdf:li></rdf:Bag></ext:Place>",
            {"Iptc4xmpExt:Place/Iptc4xmpExt:Ids": ["1; 2"]},
            id="an array within an array of structures",
        ),
        pytest.param(
            '<dc:source rdf:resource="http://example.org/"/>',
            {"dc:source": "http://example.org/"},
            id="a resource",
        ),
        pytest.param(
            '<dc:source><rdf:Description rdf:value="v" own:q="quality"/></dc:source>',
            {"dc:source": "v"},
            id="a value with qualifiers",
        ),
        pytest.param("<own:a.b>x</own:a.b>", {"own:a_b": "x"}, id="an unknown namespace"),
        pytest.param("<dc:format> </dc:format>", {}, id="nothing"),
        pytest.param(f"<own:data>{'A' * 5000}</own:data>", {}, id="an encoded picture"),
    ],
)
def test_properties_are_flattened(body: str, expected: dict[str, str | list[str]]) -> None:
    assert flat(body) == expected


def test_attributes_are_read_as_properties() -> None:
    assert flat("", 'dc:format="a/b" photoshop:City="Rome"') == {
        "dc:format": "a/b",
        "photoshop:City": "Rome",
    }


def test_names_use_the_namespaces_preferred_prefix() -> None:
    data = packet("<p:City>Rome</p:City>", 'xmlns:p="http://ns.adobe.com/photoshop/1.0/"')
    assert tree(data) == {"photoshop:City": "Rome"}


def test_another_namespace_cannot_take_a_well_known_prefix() -> None:
    data = packet("<dc:City>Rome</dc:City>").replace(b"purl.org/dc/elements", b"example.org/dc")
    assert tree(data) == {"dc_:City": "Rome"}


def test_the_first_packet_with_a_property_wins() -> None:
    first, second = packet("", 'dc:format="a"'), packet("", 'dc:format="b" dc:source="c"')
    assert tree(first, second) == {"dc:format": "a", "dc:source": "c"}


def test_toolkit_and_subject_of_early_writers_are_read() -> None:
    data = (
        f"<x:xapmeta xmlns:x='adobe:ns:meta/' x:xaptk='T 2.8'><rdf:RDF {RDF}>"
        f"<rdf:Description about='uuid:1'/></rdf:RDF></x:xapmeta>"
    )
    assert tree(data.encode()) == {"x:xmptk": "T 2.8", "rdf:about": "uuid:1"}


@pytest.mark.parametrize(
    "prolog",
    [
        '<!DOCTYPE x [<!ENTITY e "expanded">]>',
        '<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY e "&a;&a;&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://example.org/x.dtd">',
    ],
)
def test_document_types_entities_and_external_references_are_rejected(prolog: str) -> None:
    data = packet("<dc:format>&e;</dc:format>").replace(
        '<?xpacket begin="\ufeff"?>'.encode(), prolog.encode()
    )
    assert tree(data) == {}


def test_a_damaged_packet_is_read_up_to_the_damage() -> None:
    data = packet("<dc:format>a</dc:format><dc:source>b</dc:source>")
    assert tree(data[: data.index(b"</dc:source>")]) == {
        "dc:format": "a",
        "dc:source": "b",
    }
    assert tree(data[: data.index(b"<dc:source>") + 5]) == {"dc:format": "a"}


def test_a_packet_with_characters_that_xml_forbids_is_read() -> None:
    assert flat("<dc:format>a\x01b</dc:format>") == {"dc:format": "ab"}
    latin1 = packet("<dc:format>é</dc:format>").replace("é".encode(), b"\xe9")
    assert tree(latin1) == {"dc:format": "é"}


@pytest.mark.parametrize(
    "body",
    [
        "<dc:a>" * 5000,
        "<dc:a/>" * (MAX_NODES + 10),
        "<dc:a><rdf:Bag>" + "<rdf:li><rdf:Bag>" * 3000,
    ],
)
def test_depth_and_number_of_elements_are_limited(body: str) -> None:
    properties, cut = read_xmp([packet("<dc:format>a</dc:format>" + body)])
    assert cut
    assert properties["dc:format"] == "a"


@pytest.mark.parametrize("codec", ["utf-16-be", "utf-16-le", "utf-32-be", "utf-32-le"])
@pytest.mark.parametrize("mark", ["\ufeff", ""])
def test_other_encodings_are_detected_from_their_first_bytes(codec: str, mark: str) -> None:
    data = packet("<dc:format>é漢</dc:format>").decode().partition("?>")[2]
    assert tree((mark + data).encode(codec)) == {"dc:format": "é漢"}


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda text: text.replace("A+B", "A & B"), id="a bare ampersand"),
        pytest.param(lambda text: text.replace("A+B", "A&nbsp;B"), id="a reference of HTML"),
        pytest.param(lambda text: text.replace("A+B", "A&#1;+B"), id="a reference to a control"),
        pytest.param(lambda text: text.replace("A+B", "A < B"), id="a bare less-than sign"),
        pytest.param(lambda text: text.replace("own:q", "ghost:q"), id="an undeclared prefix"),
        pytest.param(
            lambda text: f'<?xml version="1.0" encoding="x-klingon"?>{text}', id="an unknown set"
        ),
        pytest.param(
            lambda text: f'<?xml version="1.0" encoding="utf-16"?>{text}', id="another set"
        ),
        pytest.param(
            lambda text: f'<?xpacket begin=""?><?xml version="1.0"?>{text}', id="a late declaration"
        ),
        pytest.param(lambda text: f"junk {text} junk <a>&", id="junk around"),
    ],
)
def test_common_errors_of_hand_written_xml_are_repaired(damage: Callable[[str], str]) -> None:
    whole = packet("<dc:source>A+B</dc:source>", 'own:q="1" photoshop:City="Rome"').decode()
    found = tree(damage(whole.partition("?>")[2]).encode())
    assert found["photoshop:City"] == "Rome"
    assert found["dc:source"] in {"A+B", "A & B", "A\xa0B", "A < B"}
    assert {"own:q", "ghost:q"} & found.keys()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([("x-default", " "), ("en", "E")], "E"),
        ([("fr", "F"), ("X-Default", "D")], "D"),
        ([("x-default", ""), ("x-default", "D")], "D"),
        ([("de", ""), ("fr", "F")], "F"),
    ],
)
def test_the_first_non_blank_language_alternative_is_used(
    texts: list[tuple[str, str]], expected: str
) -> None:
    items = "".join(f'<rdf:li xml:lang="{language}">{text}</rdf:li>' for language, text in texts)
    assert flat(f"<dc:title><rdf:Alt>{items}</rdf:Alt></dc:title>")["dc:title"] == expected


@pytest.mark.parametrize(
    "uri", ["http://ns.adobe.com/photoshop/1.0", "https://ns.adobe.com/photoshop/1.0/"]
)
def test_a_namespace_is_recognised_in_its_common_variants(uri: str) -> None:
    data = packet("", 'photoshop:City="Rome"').decode()
    assert tree(data.replace("http://ns.adobe.com/photoshop/1.0/", uri).encode()) == {
        "photoshop:City": "Rome"
    }
