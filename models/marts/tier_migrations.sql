with

migrations as (
    select * from {{ ref('int_tier_migrations') }}
),

final as (
    select
        scheme,
        evaluated_on as month_end,
        evaluated_on = last_day(evaluated_on) as is_whole_month,
        from_tier,
        to_tier,
        customers,
        from_customers,
        rate
    from migrations
    where
        scheme in (
            {%- for placement in schemes() %}
            '{{ placement['scheme'] }}'{{ ',' if not loop.last }}
            {%- endfor %}
        )
)

select * from final
