{#- Passes when `expression` is true in every row; an empty value counts as a failure. -#}
{% test holds(model, expression, column_name=none) %}

select *
from {{ model }}
where not coalesce({{ column_name or '' }} {{ expression }}, false)

{% endtest %}
