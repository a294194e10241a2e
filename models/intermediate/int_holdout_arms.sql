with

audiences as (
    select * from {{ ref('audiences') }}
),

salts as (
    select * from {{ ref('holdouts') }}
),

names as (
    select distinct audience from audiences
),

-- Days on which share or salt change: a later draw never moves the arm somebody was in before.
change_days as (
    select
        audience,
        valid_from
    from audiences
    union distinct
    select
        names.audience,
        salts.valid_from
    from names
    inner join salts on names.audience = salts.audience or salts.audience = '*'
),

shares as (
    select
        change_days.audience,
        change_days.valid_from,
        audiences.holdout_share,
        row_number() over (
            partition by change_days.audience, change_days.valid_from
            order by
                case when audiences.valid_from <= change_days.valid_from then audiences.valid_from end desc nulls last,
                audiences.valid_from asc
        ) as choice
    from change_days
    inner join audiences on change_days.audience = audiences.audience
),

salted as (
    select
        change_days.audience,
        change_days.valid_from,
        salts.salt,
        row_number() over (
            partition by change_days.audience, change_days.valid_from
            order by
                case when salts.valid_from <= change_days.valid_from then 0 else 1 end,
                case when salts.audience = '*' then 1 else 0 end,
                salts.valid_from desc
        ) as choice
    from change_days
    inner join salts on change_days.audience = salts.audience or salts.audience = '*'
),

final as (
    select
        shares.audience,
        shares.valid_from,
        lead(shares.valid_from) over (partition by shares.audience order by shares.valid_from) as replaced_on,
        coalesce(salted.salt, '') as salt,
        coalesce(shares.holdout_share, 0) as holdout_share
    from shares
    left join salted
        on
            shares.audience = salted.audience
            and shares.valid_from = salted.valid_from
            and salted.choice = 1
    where shares.choice = 1
)

select
    audience,
    -- Days before the first version use the first.
    case
        when row_number() over (partition by audience order by valid_from) = 1 then cast('1900-01-01' as date)
        else valid_from
    end as valid_from,
    coalesce(replaced_on, cast('9999-12-31' as date)) as replaced_on,
    salt,
    holdout_share
from final
