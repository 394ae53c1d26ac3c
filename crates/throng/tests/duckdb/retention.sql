WITH born AS (
    SELECT case_id, profile, any_value(first_day) AS first_day,
           time_bucket(to_days(any_value(cohort_days)::INTEGER), any_value(first_day), DATE '1969-12-29')::DATE AS cohort,
           any_value(last_day) - (any_value(first_day) - DATE '1970-01-01') AS known
    FROM active JOIN life USING (case_id) GROUP BY ALL
), answered AS (
    SELECT case_id, cohort, profile, nr, known >= coalesce(to_age, from_age) AS known_whole,
           EXISTS (FROM active a WHERE a.case_id = born.case_id AND a.profile = born.profile
                                   AND a.day - born.first_day BETWEEN from_age AND coalesce(to_age, 1000000)) AS came
    FROM born JOIN bracket USING (case_id)
)
SELECT case_id, cohort - DATE '1970-01-01', nr, count(*), count(*) FILTER (known_whole), count(*) FILTER (known_whole AND came)
FROM answered GROUP BY ALL
UNION ALL
SELECT case_id, NULL, nr, count(*), count(*) FILTER (known_whole), count(*) FILTER (known_whole AND came)
FROM answered GROUP BY case_id, nr
