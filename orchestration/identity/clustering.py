"""From links to clusters: connected components that no contradiction, no limit and no decision forbids.

What belongs here: which scored pairs become links, keeping contradicting records apart, obeying decisions,
attaching records that have a number but no full name, and the review queue. What does not: comparing records and
giving customers their ids.
"""

from collections import defaultdict
from collections.abc import Iterable

import duckdb

from orchestration.identity.cluster_shape import measure, weak_bridges
from orchestration.identity.comparison import (
    AGREEING,
    CORROBORATED,
    DISAGREEING,
    FIELDS,
    SHARED_AT_HOME,
    evidence_map,
)
from orchestration.identity.kept_pairs import compare_known
from orchestration.identity.policy import IdentityPolicy

_ACCEPTED = f"""
create or replace temp table accepted as
select s.l, s.r, s.rule, s.confidence, null::double as match_weight
from strong_links as s
where not s.contradicted and not exists (select 1 from cannot_links as c where c.l = s.l and c.r = s.r)
union all
select e.l, e.r, 'probabilistic', s.match_probability, s.match_weight
from scored_evidence as e
inner join scored_pairs as s using (l, r)
where
    not e.excluded
    and s.match_probability >= case
        when {SHARED_AT_HOME} then $shared_at_home
        when {CORROBORATED} then $match_probability
        else $uncorroborated
    end
    and not exists (select 1 from strong_links as k where k.l = e.l and k.r = e.r and not k.contradicted)
    and not exists (select 1 from cannot_links as c where c.l = e.l and c.r = e.r)
"""


def _several(value: str) -> str:
    """SQL: a group holds more than one value; a count of distinct values says it too, and takes ten times as long."""
    return f"min({value}) <> max({value})"


# Clusters in which something disagrees, that hold what was decided to differ, or that grew too large: only these
# are taken apart.
_SUSPECTS = f"""
create or replace temp table suspects as
select c.cluster
from clusters as c
inner join subjects as s using (record_id)
where c.cluster in (select cluster from clusters where record_id <> cluster)
group by c.cluster
having
    {_several("coalesce(s.pinyin_key, s.name_key)")}
    or {_several("s.birthday")}
    or {_several("s.id_card")}
    or {_several("s.surname")}
    or {_several("s.given_name")}
    or ({_several("coalesce(s.title_gender, s.gender)")} and count(s.title_gender) > 0)
    or count(*) > $max_cluster_records
union
select l.cluster
from cannot_links as x
inner join clusters as l on l.record_id = x.l
inner join clusters as r on r.record_id = x.r
where l.cluster = r.cluster
"""


def cluster_records(
    connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, *, calibrated: bool
) -> dict[str, float]:
    """Join `subjects` into clusters and write `identity.links`, `identity.clusters` and `identity.review_queue`.

    Reads the temporary tables of `deterministic`, `scoring` and `decisions`. `identity.clusters`: one row per record of
    `identity.records` with `cluster` (its oldest record's `record_id`, NULL where the record has no
    customer), `matched_by` and `confidence`. `calibrated` says that the file is
    large enough to know how rare its names are. Returns figures: clusters, links given up, ambiguous records, the
    largest cluster, weak bridges and densities.
    """
    connection.execute(
        "create temp table if not exists must_links (l integer, r integer); "
        "create temp table if not exists cannot_links (l integer, r integer); "
        "create or replace temp table cut_links (l integer, r integer, reason varchar); "
        "create or replace temp table scored_only as select l, r from scored_pairs"
    )
    compare_known(connection, policy, "scored_only", "scored_evidence")
    # How rare a name is in so small a file nobody knows, nor how many relatives are in it.
    limits = {
        "match_probability": policy.limit("match_probability"),
        "uncorroborated": policy.limit("uncorroborated_probability") if calibrated else 2.0,
        "shared_at_home": policy.limit("shared_at_home_probability" if calibrated else "match_probability"),
    }
    connection.execute(_ACCEPTED, limits)
    _components(connection)
    connection.execute(_SUSPECTS, {"max_cluster_records": policy.limit("max_cluster_records")})
    cut = _take_apart(connection, policy, int(policy.limit("max_cluster_records")))
    weak, weak_kept = weak_bridges(connection, policy)
    _cut(connection, weak)
    _join_decided(connection)
    connection.execute(
        """
        delete from accepted where rowid in (
            select a.rowid from accepted as a
            inner join clusters as l on l.record_id = a.l
            inner join clusters as r on r.record_id = a.r
            where l.cluster <> r.cluster
        )
        """
    )
    shape = measure(connection, policy)
    ambiguous = _attach(connection, policy, scored=calibrated)
    _write_links(connection, policy)
    _write_clusters(connection)
    _write_review(connection, policy)
    row = connection.execute(
        "select count(distinct cluster), (select max(n) from (select count(*) as n from identity.clusters "
        "where cluster is not null group by cluster)) from identity.clusters"
    ).fetchone()
    clusters, largest = row if row else (0, 0)
    return {
        "clusters": int(clusters),
        "largest_cluster": int(largest or 0),
        "links_cut": cut,
        "ambiguous_records": ambiguous,
        "largest_compared_cluster": shape.largest,
        "clusters_of_three_and_more": shape.clusters,
        "sparse_clusters": shape.sparse,
        "lowest_density": shape.lowest_density,
        "mean_density": shape.mean_density,
        "weak_bridges_cut": len(weak),
        "weak_bridges_kept": len(weak_kept),
    }


def _components(connection: duckdb.DuckDBPyConnection) -> None:
    """Write temporary table `clusters` (`record_id, cluster`): connected components of `accepted`."""
    # Imported where it runs: it brings sqlglot along, a third of a second for whoever only loads the pipeline.
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    connection.execute("create schema if not exists identity_work")
    try:
        connection.execute(
            """
            create or replace table identity_work.nodes as
            select distinct unnest([l, r]) as record_id from accepted;
            create or replace table identity_work.edges as
            select distinct l as record_id_l, r as record_id_r, 1.0 as match_probability from accepted;
            create or replace temp table components (record_id integer, cluster integer)
            """
        )
        some = connection.execute("select 1 from identity_work.edges limit 1").fetchone()
        if some:
            database = DuckDBAPI(connection, output_schema="identity_work")
            found = cluster_pairwise_predictions_at_threshold(
                database.register("identity_work.nodes"),
                database.register("identity_work.edges"),
                database,
                node_id_column_name="record_id",
            )
            connection.execute(f"insert into components select record_id, cluster_id from {found.physical_name}")
    finally:
        connection.execute("drop schema if exists identity_work cascade")
    connection.execute(
        """
        create or replace temp table clusters as
        with oldest as (select record_id, min(record_id) over (partition by cluster) as cluster from components)
        select s.record_id, coalesce(o.cluster, s.record_id) as cluster
        from subjects as s left join oldest as o using (record_id)
        """
    )


def _take_apart(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, largest: int) -> int:
    """Rebuild the suspect clusters link by link, the surest first, never joining records that contradict.

    Returns the number of links that were given up. They go to the review queue by temporary table `cut_links`.
    """
    connection.execute(
        """
        create or replace temp table suspect_pairs as
        select l.record_id as l, r.record_id as r
        from clusters as l
        inner join clusters as r on l.cluster = r.cluster and l.record_id < r.record_id
        where
            l.cluster in (select cluster from suspects)
            and l.cluster not in (select cluster from clusters group by cluster having count(*) > 2000)
        """
    )
    compare_known(connection, policy, "suspect_pairs", "suspect_evidence")
    conflicts: dict[int, set[int]] = defaultdict(set)
    for left, right in connection.execute(
        "select l, r from suspect_evidence where incompatible union select l, r from cannot_links"
    ).fetchall():
        conflicts[left].add(right)
        conflicts[right].add(left)
    edges = connection.execute(
        """
        select a.l, a.r from accepted as a
        inner join clusters as c on c.record_id = a.l
        where c.cluster in (select cluster from suspects)
        order by a.confidence desc, a.l, a.r
        """
    ).fetchall()
    root_of, cut = constrained_clusters(edges, conflicts, largest)
    _move(connection, root_of)
    _insert(connection, "cut_links", [(left, right, "contradiction_or_size") for left, right in cut])
    return len(cut)


def _cut(connection: duckdb.DuckDBPyConnection, links: list[tuple[int, int]]) -> None:
    """Give up the only link between two parts of a cluster; each part becomes a cluster of its own."""
    if not links:
        return
    _insert(connection, "cut_links", [(left, right, "weak_bridge") for left, right in links])
    touched = connection.execute(
        """
        with parted as (
            select c.record_id, c.cluster from clusters as c
            where c.cluster in (
                select x.cluster from cut_links as k inner join clusters as x on x.record_id = k.l
                where k.reason = 'weak_bridge'
            )
        ),
        left_over as (
            select a.l, a.r
            from (select l, r from accepted union select l, r from must_links) as a
            inner join parted as x on x.record_id = a.l
            inner join parted as y on y.record_id = a.r and y.cluster = x.cluster
            anti join cut_links as k on k.l = a.l and k.r = a.r
        )
        select distinct p.record_id, a.l, a.r
        from parted as p left join left_over as a on a.l = p.record_id
        order by all
        """
    ).fetchall()
    joined, _ = constrained_clusters(
        [(left, right) for _, left, right in touched if left is not None], {}, len(touched)
    )
    _move(connection, {record: record for record, _, _ in touched} | joined)


def _join_decided(connection: duckdb.DuckDBPyConnection) -> None:
    """Join clusters whose records were decided to be one person, whatever speaks against it.

    The links of these clusters are followed anew, decisions first and then the surest, and those are given up
    that would bring together what was decided to differ.
    """
    must = connection.execute("select l, r from must_links order by l, r").fetchall()
    if not must:
        return
    evidence = connection.execute(
        """
        select a.l, a.r
        from accepted as a
        inner join clusters as l on l.record_id = a.l
        inner join clusters as r on r.record_id = a.r
        where
            l.cluster = r.cluster
            and l.cluster in (
                select c.cluster
                from (select unnest([l, r]) as record_id from must_links) as m
                inner join clusters as c using (record_id)
            )
        order by a.confidence desc, a.l, a.r
        """
    ).fetchall()
    apart: dict[int, set[int]] = defaultdict(set)
    for left, right in connection.execute("select l, r from cannot_links").fetchall():
        apart[left].add(right)
        apart[right].add(left)
    joined, refused = constrained_clusters([*must, *evidence], apart, 2 * (len(must) + len(evidence)))
    _move(connection, joined)
    _insert(connection, "cut_links", [(left, right, "decision") for left, right in refused])


def _move(connection: duckdb.DuckDBPyConnection, cluster_of: dict[int, int]) -> None:
    """Give records another cluster."""
    connection.execute("create or replace temp table recut (record_id integer, cluster integer)")
    _insert(connection, "recut", cluster_of.items())
    connection.execute("update clusters set cluster = r.cluster from recut as r where r.record_id = clusters.record_id")


def constrained_clusters(
    edges: Iterable[tuple[int, int]], conflicts: dict[int, set[int]], largest: int
) -> tuple[dict[int, int], list[tuple[int, int]]]:
    """Join records along `edges`, the surest first, unless two members conflict or the cluster grows too large.

    Returns the cluster of each record (its smallest record id) and the edges that were refused.
    """
    members: dict[int, set[int]] = {}
    root: dict[int, int] = {}
    refused: list[tuple[int, int]] = []
    for left, right in edges:
        for record in (left, right):
            if record not in root:
                root[record] = record
                members[record] = {record}
        a, b = root[left], root[right]
        if a == b:
            continue
        if len(members[a]) < len(members[b]):
            a, b = b, a
        if len(members[a]) + len(members[b]) > largest or any(conflicts.get(x, set()) & members[a] for x in members[b]):
            refused.append((left, right))
            continue
        for record in members[b]:
            root[record] = a
        members[a] |= members.pop(b)
    smallest = {r: min(group) for r, group in members.items()}
    return {record: smallest[r] for record, r in root.items()}, refused


def _attach(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, *, scored: bool) -> int:
    """Attach clusters without a full name to the one person at their number who can be meant.

    First those with part of a name (张先生, 张*, 阿明) to people with a full name, then what is left of them
    to each other, then those with a number alone to whoever is there, last these to each other. Where more
    than one person can be meant nothing is joined. No such cluster ever connects two others. With `scored` the file
    shows how often relatives share a number: a member or account without a name was joined by its score or not at all.
    Returns the number of ambiguous records; temporary table `ambiguous` holds their pairs.
    """
    connection.execute(
        """
        create or replace temp table ambiguous (l integer, r integer);
        create or replace temp table left_to_score (cluster integer);
        create or replace temp table attached (l integer, r integer, rule varchar, confidence double)
        """
    )
    _write_shared_numbers(connection)
    _attach_to(connection, "part", ("full",), "phone_compatible_name", policy)
    _join_among(connection, "part", "phone_compatible_name", policy)
    if scored:
        _leave_to_score(connection)
    _attach_to(connection, "none", ("full", "part"), "phone_only", policy)
    _join_among(connection, "none", "phone_only", policy)
    row = connection.execute("select count(distinct l) from ambiguous").fetchone()
    return int(row[0]) if row else 0


def _write_shared_numbers(connection: duckdb.DuckDBPyConnection) -> None:
    """Write what clusters without a full name can be attached by, as numbers, since each step asks for it again.

    Temporary tables `naming` (`record_id, named, is_mention`: 2 for a full name, 1 for part of one, 0 for none) and
    `shared_numbers` (`record_id, phone`, a checksum): numbers of one cluster alone are left out, as clusters only grow.
    """
    connection.execute(
        """
        create or replace temp table naming as
        select
            record_id, is_mention,
            case when name_key is not null then 2 when coalesce(surname, given_name) is not null then 1 else 0 end
                as named
        from subjects;
        create or replace temp table shared_numbers as
        with numbers as (select record_id, hash(unnest(phones)) as phone from subjects where phones is not null),
        shared as (
            select n.phone from numbers as n inner join clusters as c using (record_id)
            group by n.phone having min(c.cluster) <> max(c.cluster)
        )
        select record_id, phone from numbers semi join shared using (phone)
        """
    )


def _leave_to_score(connection: duckdb.DuckDBPyConnection) -> None:
    """Note in `left_to_score` the nameless members and accounts at somebody's number: their score did not join them."""
    connection.execute(
        """
        insert into left_to_score
        with described as (
            select c.cluster, max(n.named) > 0 as by_name, bool_and(n.is_mention) as mentioned
            from clusters as c inner join naming as n using (record_id)
            group by c.cluster
        ),
        phones as (
            select distinct c.cluster, s.phone, d.by_name, d.mentioned
            from shared_numbers as s
            inner join clusters as c using (record_id)
            inner join described as d using (cluster)
        )
        select distinct o.cluster
        from phones as o inner join phones as t on t.phone = o.phone and t.by_name
        where not o.by_name and not o.mentioned
        """
    )


def _met(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, orphan: str, targets: tuple[str, ...]) -> None:
    """Write `met_evidence`: the records of clusters that meet at a number, compared pair by pair.

    `l, orphan` are a record and its cluster with so much of a name (`full`, `part`, `none`); `r, target`
    those of the other side.
    """
    connection.execute(
        f"""
        create or replace temp table cluster_phones as
        with named as (
            select c.cluster, case max(n.named) when 2 then 'full' when 1 then 'part' else 'none' end as named
            from clusters as c inner join naming as n using (record_id)
            group by c.cluster
        )
        select distinct c.cluster, s.phone, n.named
        from shared_numbers as s
        inner join clusters as c using (record_id)
        inner join named as n using (cluster)
        where
            c.cluster not in (select k.cluster from clusters as k inner join ambiguous as a on a.l = k.record_id)
            and c.cluster not in (select cluster from left_to_score);
        create or replace temp table met_pairs as
        with met as (
            select distinct o.cluster as orphan, t.cluster as target
            from cluster_phones as o
            inner join cluster_phones as t on o.phone = t.phone and o.cluster <> t.cluster
            where o.named = '{orphan}' and t.named in ({", ".join(f"'{t}'" for t in targets)})
        )
        select o.record_id as l, t.record_id as r, m.orphan, m.target
        from met as m
        inner join clusters as o on o.cluster = m.orphan
        inner join clusters as t on t.cluster = m.target
        """
    )
    compare_known(connection, policy, "met_pairs", "met_levels")
    connection.execute(
        """
        create or replace temp table met_evidence as
        select
            p.orphan, p.target, e.* replace (
                e.contradicted or exists (
                    select 1 from cannot_links as c where c.l = least(e.l, e.r) and c.r = greatest(e.l, e.r)
                ) as contradicted
            )
        from met_levels as e inner join met_pairs as p using (l, r)
        """
    )


def _attach_to(
    connection: duckdb.DuckDBPyConnection, orphan: str, targets: tuple[str, ...], rule: str, policy: IdentityPolicy
) -> None:
    """Attach each orphan cluster to the only target cluster at its numbers that does not contradict it."""
    if rule not in policy.confidences:
        return
    _met(connection, policy, orphan, targets)
    connection.execute(
        """
        create or replace temp table options as
        with judged as (
            select
                orphan, target,
                arg_min(l, (phone <> 'same', l)) as l, arg_min(r, (phone <> 'same', l, r)) as r,
                min(case name when 'same' then 0 when 'same_sound' then 0 when 'compatible' then 1 else 2 end)
                    as distance
            from met_evidence
            group by orphan, target
            -- With so little of a name a differing sex is enough to doubt.
            having not bool_or(contradicted or gender = 'different')
        )
        -- Who bears the name stands before whom nothing but the number speaks for.
        select *, count(*) over (partition by orphan) as choices
        from (select * from judged qualify rank() over (partition by orphan order by distance) = 1)
        """
    )
    # Of two that were decided to differ one target cannot take both, and nothing says which.
    connection.execute(
        """
        update options set choices = 2
        where orphan in (
            select unnest([a.orphan, b.orphan])
            from cannot_links as x
            inner join clusters as l on l.record_id = x.l
            inner join clusters as r on r.record_id = x.r
            inner join options as a on a.orphan = l.cluster
            inner join options as b on b.orphan = r.cluster and b.target = a.target
            where a.choices = 1 and b.choices = 1
        )
        """
    )
    connection.execute(
        "insert into attached select l, r, ?, ? from options where choices = 1", [rule, policy.confidence(rule)]
    )
    connection.execute("insert into ambiguous select l, r from options where choices > 1")
    # Every orphan has one target and no target is an orphan: the joins are stars, named by their oldest record.
    connection.execute(
        """
        create or replace temp table moves as
        with stars as (
            select orphan as cluster, target from options where choices = 1
            union
            select target, target from options where choices = 1
        ),
        oldest as (select target, min(cluster) as renamed from stars group by target)
        select s.cluster, o.renamed from stars as s inner join oldest as o using (target);
        update clusters set cluster = m.renamed from moves as m where clusters.cluster = m.cluster
        """
    )


def _join_among(connection: duckdb.DuckDBPyConnection, orphan: str, rule: str, policy: IdentityPolicy) -> None:
    """Join clusters at one number that nobody with a fuller name claims, unless they contradict.

    A cluster of unknown sex between a man and a woman of its surname (张总, 张先生, 张女士) is ambiguous.
    """
    if rule not in policy.confidences:
        return
    _met(connection, policy, orphan, (orphan,))
    connection.execute(
        """
        create or replace temp table meetings as
        select
            e.orphan, e.target,
            arg_min(e.l, (e.phone <> 'same', e.l)) as l, arg_min(e.r, (e.phone <> 'same', e.l, e.r)) as r,
            bool_or(e.contradicted) as contradicted
        from met_evidence as e
        group by e.orphan, e.target;
        create or replace temp table between as
        with titles as (
            select c.cluster, max(s.title_gender) as title
            from clusters as c inner join subjects as s using (record_id)
            group by c.cluster
        )
        select m.orphan, min(m.l) as l, unnest(list(m.r)) as r
        from meetings as m
        inner join titles as o on o.cluster = m.orphan
        inner join titles as t on t.cluster = m.target
        where not m.contradicted and o.title is null and t.title is not null
        group by m.orphan
        having count(distinct t.title) > 1;
        insert into ambiguous select l, r from between
        """
    )
    joined = """
        from meetings
        where
            not contradicted and orphan < target
            and orphan not in (select orphan from between) and target not in (select orphan from between)
    """
    edges = connection.execute(f"select orphan, target, l, r {joined} order by orphan, target").fetchall()
    conflicts: dict[int, set[int]] = defaultdict(set)
    for left, right in connection.execute("select orphan, target from meetings where contradicted").fetchall():
        conflicts[left].add(right)
    renamed, refused = constrained_clusters(
        [(e[0], e[1]) for e in edges], conflicts, int(policy.limit("max_cluster_records"))
    )
    connection.execute("create or replace temp table moves (cluster integer, renamed integer)")
    _insert(connection, "moves", renamed.items())
    connection.execute(
        "update clusters set cluster = m.renamed from moves as m "
        "where clusters.cluster = m.cluster and m.cluster <> m.renamed"
    )
    confidence = policy.confidence(rule)
    given_up = set(refused)
    _insert(connection, "attached", [(e[2], e[3], rule, confidence) for e in edges if (e[0], e[1]) not in given_up])


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: Iterable[tuple[int | str | float, ...]]) -> None:
    """Append rows to a table, column by column: a row at a time takes minutes for a million."""
    columns = list(zip(*rows, strict=True))
    if not columns:
        return
    placeholders = ", ".join("unnest(?)" for _ in columns)
    connection.execute(f"insert into {table} select {placeholders}", [list(c) for c in columns])


def _write_links(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> None:
    """Write `identity.links` from accepted pairs, attached records and owned mentions."""
    # Ordered here, where it is numbers that are sorted; the statement below keeps the order.
    connection.execute(
        """
        create or replace temp table linked as
        with all_links as (
            select l, r, rule, confidence, match_weight from accepted
            union all
            select l, r, rule, confidence, null from attached
            union all
            select l, r, 'decided_same', 1.0, null from must_links
            union all
            select o.owner_id, o.record_id, o.rule, coalesce(k.confidence, 1.0), null
            from owned as o left join link_confidence as k on k.rule = o.rule
        )
        select
            a.l, a.r, a.rule, a.confidence,
            -- A link is stated both as a weight and as a probability: one is the log odds of the other.
            round(coalesce(a.match_weight, s.match_weight, log2(a.confidence / greatest(1 - a.confidence, 1e-9))), 6)
                as match_weight
        from all_links as a
        left join scored_pairs as s using (l, r)
        order by a.l, a.r, a.rule
        """
    )
    # Thousands of pairs agree and differ alike: the evidence is written once for each pattern of levels.
    fields = ", ".join(FIELDS)
    connection.execute(
        f"""
        create or replace table identity.links as
        with evident as (
            select l, r from strong_evidence
            union all
            select l, r from scored_evidence
            union all
            select l, r from attached
        ),
        compared as (
            select l, r, hash({fields}) as pattern, {fields} from known_levels semi join evident using (l, r)
        ),
        patterns as (
            select pattern, {evidence_map("p")} as evidence from (select distinct pattern, {fields} from compared) as p
        ),
        levels as (select c.l, c.r, p.evidence from compared as c inner join patterns as p using (pattern))
        select
            l.source as left_source, l.record_key as left_record_key,
            r.source as right_source, r.record_key as right_record_key,
            k.rule, k.match_weight, k.confidence as match_probability,
            coalesce(v.evidence, map {{k.rule: 'same'}}) as evidence
        from linked as k
        inner join identity.records as l on l.record_id = k.l
        inner join identity.records as r on r.record_id = k.r
        left join levels as v on v.l = k.l and v.r = k.r
        """
    )


def _write_clusters(connection: duckdb.DuckDBPyConnection) -> None:
    """Write `identity.clusters` (`record_id, cluster, matched_by, confidence`), one row per record."""
    connection.execute(
        """
        create or replace table identity.clusters as
        with best as (
            select record_id, arg_max(rule, (confidence, rule)) as rule, max(confidence) as confidence
            from (
                select l as record_id, rule, confidence from linked
                where rule not in ('member_id', 'account_id', 'case_id')
                union all
                select r, rule, confidence from linked
            )
            group by record_id
        ),
        -- A mention that nothing links is a person of its own only when its number can be trusted and is nobody's.
        alone as (
            select c.cluster
            from clusters as c inner join subjects as s using (record_id)
            group by c.cluster
            having
                bool_and(s.is_mention)
                and (
                    bool_and(s.phones is null)
                    or bool_or(s.record_id in (select l from ambiguous))
                )
                and not bool_or(s.record_id in (select unnest([l, r]) from must_links))
        ),
        settled as (
            select c.record_id, case when a.cluster is null then c.cluster end as cluster
            from clusters as c left join alone as a using (cluster)
        ),
        everyone as (
            select record_id, cluster from settled
            union all
            select o.record_id, s.cluster from owned as o inner join settled as s on s.record_id = o.owner_id
        )
        select
            e.record_id, e.cluster,
            case when e.cluster is null then 'unlinked' else coalesce(b.rule, 'single_record') end as matched_by,
            case when e.cluster is null then null else coalesce(b.confidence, 1.0) end as confidence
        from everyone as e left join best as b using (record_id)
        order by e.record_id
        """
    )


def _write_review(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> None:
    """Write `identity.review_queue`: pairs that speak for one person, were not joined, and nobody has decided."""
    agree = ", ".join(f"case when v.{f} in {AGREEING} then '{f}' end" for f in FIELDS)
    differ = ", ".join(f"case when v.{f} in {DISAGREEING} then '{f}' end" for f in FIELDS)
    connection.execute(
        """
        create or replace temp table doubtful as
        select p.l, p.r, arg_min(p.reason, p.rank) as reason from (
            select l, r, 'grey_zone' as reason, 4 as rank from scored_pairs
            union all
            select l, r, 'contradiction', 2 from strong_links
            where contradicted and (rule in ('id_card', 'unionid', 'email', 'names_both') or name in ('same', 'close'))
            union all
            select l, r, reason, 1 from cut_links
            union all
            select least(l, r), greatest(l, r), 'several_people_possible', 3 from ambiguous
        ) as p
        where
            not exists (
                select 1 from identity.clusters as a, identity.clusters as b
                where a.record_id = p.l and b.record_id = p.r and a.cluster = b.cluster
            )
            and not exists (select 1 from cannot_links as c where c.l = p.l and c.r = p.r)
        group by p.l, p.r
        """
    )
    compare_known(connection, policy, "doubtful", "doubtful_levels")
    connection.execute(
        f"""
        create or replace table identity.review_queue as
        select
            l.source as left_source, l.record_key as left_record_key,
            r.source as right_source, r.record_key as right_record_key,
            s.match_weight, s.match_probability,
            list_filter([{agree}], lambda x: x is not null) as agree,
            list_filter([{differ}], lambda x: x is not null) as differ,
            d.reason,
            {evidence_map("v")} as evidence
        from doubtful_levels as v
        inner join doubtful as d using (l, r)
        inner join identity.records as l on l.record_id = v.l
        inner join identity.records as r on r.record_id = v.r
        left join scored_pairs as s on s.l = v.l and s.r = v.r
        order by s.match_probability desc nulls first, v.l, v.r
        limit {int(policy.limit("max_review_pairs"))}
        """
    )
