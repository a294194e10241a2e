with

customers as (
    select
        customer_id,
        as_of,
        {{ each_of('tags') }} as tag
    from {{ ref('customer_360') }}
),

as_of as (
    select as_of_date from {{ ref('int_as_of') }}
),

-- What a tag is called is settled once, not for each customer who has it.
versions as (
    select
        dictionary.tag,
        dictionary.tag_group,
        dictionary.label_zh,
        row_number() over (
            partition by dictionary.tag
            order by
                case when dictionary.valid_from <= as_of.as_of_date then dictionary.valid_from end desc nulls last,
                dictionary.valid_from asc
        ) as age
    from {{ ref('tag_dictionary') }} as dictionary
    cross join as_of
),

final as (
    select
        customers.customer_id,
        versions.tag,
        versions.tag_group,
        versions.label_zh,
        customers.as_of
    from customers
    inner join versions on customers.tag = versions.tag and versions.age = 1
)

select * from final
