with

migrations as (
    select * from {{ ref('int_tier_migrations') }}
),

final as (
    select
        scheme as lifecycle_view,
        evaluated_on as month_end,
        evaluated_on = last_day(evaluated_on) as is_whole_month,
        from_tier as from_stage,
        to_tier as to_stage,
        customers,
        from_customers,
        rate
    from migrations
    where
        scheme in (
            {%- for placement in lifecycle_views() %}
            '{{ placement['scheme'] }}'{{ ',' if not loop.last }}
            {%- endfor %}
        )
)

select * from final
