-- The days on which profiles were active. Table given: life.
CREATE TABLE active AS
SELECT DISTINCT case_id, profile, day, (last_day - day) // span_days AS back, min(day) OVER (PARTITION BY case_id, profile) AS first_day
FROM (SELECT seen.case_id, seen.profile, seen.day, life.span_days, DATE '1970-01-01' + life.last_day AS last_day
      FROM seen JOIN life USING (case_id))
WHERE day <= last_day;
