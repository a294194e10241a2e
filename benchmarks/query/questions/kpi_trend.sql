-- Thirteen months of one KPI by channel.
select as_of, dimension_value, value from marts.kpi_daily
where kpi = 'repurchase_rate_365d' and dimension = 'channel' and is_month_end order by all
