with

final as (
    select * from {{ ref('stg_valuation__fits') }}
)

select * from final
