with

customers as (
    select
        customer_id,
        as_of,
        {{ each_of('tags') }} as tag
    from {{ ref('customer_360') }}
),

entries as (
    select
        customers.customer_id,
        customers.as_of,
        dictionary.tag,
        dictionary.tag_group,
        dictionary.label_zh,
        row_number() over (
            partition by customers.customer_id, customers.tag
            order by
                case when dictionary.valid_from <= customers.as_of then dictionary.valid_from end desc nulls last,
                dictionary.valid_from asc
        ) as age
    from customers
    inner join {{ ref('tag_dictionary') }} as dictionary on customers.tag = dictionary.tag
),

final as (
    select
        customer_id,
        tag,
        tag_group,
        label_zh,
        as_of
    from entries
    where age = 1
)

select * from final
