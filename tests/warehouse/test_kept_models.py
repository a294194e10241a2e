"""How a model's own SQL stands in the statements of a materialization."""

from orchestration.settings import PROJECT_ROOT


def test_a_model_may_end_with_a_comment() -> None:
    macros = sorted((PROJECT_ROOT / "dbt_project" / "macros").rglob("*.sql"))
    lines = [line.strip() for macro in macros for line in macro.read_text(encoding="utf-8").splitlines()]
    with_model = [line for line in lines if "{{ sql }}" in line]
    assert with_model
    assert set(with_model) == {"{{ sql }}"}
