with

digits as (
    select 1 as score
    union all
    select 2 as score
    union all
    select 3 as score
    union all
    select 4 as score
    union all
    select 5 as score
),

cells as (
    select
        r.score as r_score,
        f.score as f_score,
        m.score as m_score
    from digits as r
    cross join digits as f
    cross join digits as m
),

boxes as (
    select * from {{ ref('rfm_segments') }}
),

versions as (
    select
        valid_from,
        lead(valid_from) over (order by valid_from) as replaced_on,
        row_number() over (order by valid_from) as version
    from boxes
    group by valid_from
),

covered as (
    select
        cells.r_score,
        cells.f_score,
        cells.m_score,
        boxes.segment,
        -- Days before the first version use the first.
        case when versions.version = 1 then cast('0001-01-01' as date) else versions.valid_from end as valid_from,
        coalesce(versions.replaced_on, cast('9999-12-31' as date)) as replaced_on,
        row_number() over (
            partition by versions.valid_from, cells.r_score, cells.f_score, cells.m_score
            order by boxes.position
        ) as choice
    from cells
    inner join boxes
        on
            cells.r_score between boxes.r_from and boxes.r_to
            and cells.f_score between boxes.f_from and boxes.f_to
            and cells.m_score between boxes.m_from and boxes.m_to
    inner join versions on boxes.valid_from = versions.valid_from
),

named as (
    select
        r_score,
        f_score,
        m_score,
        segment,
        valid_from,
        replaced_on
    from covered
    where choice = 1
)

select * from named
