import pytest

from orchestration.errors import UserError
from orchestration.mirror.server import connect


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://bi@db/c360", "begins with postgresql://"),
        ("host=db user=bi password=hunter", "begins with postgresql://"),
        ("postgresql://bi:hu@nter?2/#x@db/c360", "Write it as %40"),
        ("postgresql://bi:hunter@127.0.0.1:port/c360", "No connection to the PostgreSQL server 127.0.0.1:port"),
        ("postgresql://bi:hunter@127.0.0.1:1/c360", "127.0.0.1:1, database c360: .*Connection refused"),
        ("postgresql://bi:hunter@127.0.0.1:1/c360?sslmod=x", "cannot be read"),
        ("postgresql://bi:hunter%zz@127.0.0.1:1/c360", "cannot be read"),
    ],
)
def test_a_wrong_address_is_told_without_its_password(url: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as refused, connect(url):
        pass
    assert "hunter" not in str(refused.value)
    assert "nter" not in str(refused.value)
