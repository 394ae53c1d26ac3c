WITH whole AS (
    SELECT case_id, profile, bool_or(goal.label IS NOT NULL) AS arrives
    FROM touch LEFT JOIN goal USING (case_id, label) GROUP BY ALL
), passed AS (
    SELECT case_id, profile, journey, label, arrived, bool_or(k = n_steps AND NOT arrived) AS lost,
           bool_or(k > k_before + 1) AS circled, min(at_us) AS first_us
    FROM way GROUP BY ALL
), helped AS (
    SELECT p.*, EXISTS (FROM seen s JOIN support u USING (case_id, label) JOIN friction o USING (case_id)
                        WHERE s.case_id = p.case_id AND s.profile = p.profile AND s.at_us > p.first_us
                          AND s.at_us - p.first_us <= o.help_us) AS helped
    FROM passed p
)
SELECT case_id, label, count(*), count(DISTINCT profile), count(*) FILTER (lost), count(DISTINCT profile) FILTER (lost),
       count(DISTINCT profile) FILTER (lost AND NOT arrives), count(*) FILTER (circled), count(*) FILTER (helped),
       coalesce(count(*) FILTER (arrived) / nullif(count(*) FILTER (NOT lost), 0), 0)::DOUBLE
FROM helped JOIN whole USING (case_id, profile) GROUP BY ALL
