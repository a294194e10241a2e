select * from {{ ref('int_purchases_unioned') }}
