{#- Whether the customer has what a channel needs (policy.contact_channels); `contactable` names the relation. -#}
{% macro is_reachable(needs, contactable='contactable') -%}
    coalesce(
        ({{ needs }} = 'phone' and {{ contactable }}.has_phone)
        or ({{ needs }} = 'email' and {{ contactable }}.has_email)
        or ({{ needs }} = 'account' and {{ contactable }}.has_account),
        false
    )
{%- endmacro %}
