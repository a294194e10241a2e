-- How many profiles hold each field. One row per field and cell.
with counted as (
    select
        tier, channel, region,
        count(*) as customers,
        count(salutation) as salutation,
        count(gender) as gender,
        count(age_band) as age_band,
        count(masked_phone) as phone,
        count(masked_email) as email,
        count(province) as province,
        count(birthday_month) as birthday,
        count(favourite_category) as favourite_category,
        count(preferred_contact_channel) as contact_habit,
        count(nps_last) as nps_answer
    from marts.customer_360
    inner join cells using (customer_id)
    group by all
)
unpivot counted
on salutation, gender, age_band, phone, email, province, birthday, favourite_category, contact_habit, nps_answer
into name field value filled
