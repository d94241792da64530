"""Prototypes in a report: who stands for whom, by how much, and who is stood for badly."""

import pandas as pd
from markupsafe import Markup

from xrai_widgets.core import Finding
from xrai_widgets.results import html
from xrai_widgets.results.views.prototypes.reading import (
    contents_of_prototypes,
    distance_sentences,
    pictures_of_prototypes,
)

_MOST = 20  # prototypes, and criticisms, in a report


def reported(finding: Finding, include_rows: bool) -> Markup:
    """Return what a report shows: prototypes by id with their shares, and what is in them if asked for."""
    if not {"samples", "curve"} <= set(finding.tables) or not {"explains", "share"} <= set(finding.tables["samples"]):
        return Markup("")
    samples = finding.tables["samples"].reset_index(drop=True)
    place = samples["explains"].map({name: number for number, name in enumerate(samples["explains"].unique())})
    shown = samples.assign(place=place).sort_values(["place", "share"], ascending=[True, False]).head(_MOST)
    inside = contents_of_prototypes(finding, shown).reindex(shown.index) if include_rows else shown[[]]
    pictures = pictures_of_prototypes(finding, shown) if include_rows else []
    return Markup(
        html.render(
            "prototypes/templates/reported.html",
            summary=distance_sentences(finding, int(samples["order"].max())) if len(samples) else "",
            groups=list(dict.fromkeys(samples["explains"])),
            rows=list(zip(shown.to_dict("records"), inside.to_dict("records"), strict=True)),
            columns=list(inside.columns),
            pictures=pictures,
            total=len(samples),
            criticisms=_criticisms(finding),
        )
    )


def _criticisms(finding: Finding) -> list[dict[str, object]]:
    table = finding.tables.get("criticisms", pd.DataFrame())
    return [{str(key): value for key, value in row.items()} for row in table.head(_MOST).to_dict("records")]
