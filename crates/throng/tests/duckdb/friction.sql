-- Journeys up to their goal. Tables given: goal, support, friction.
CREATE TABLE way AS
WITH arrival AS (
    SELECT t.*, min(t.k) FILTER (goal.label IS NOT NULL) OVER (PARTITION BY t.case_id, t.profile, t.journey) AS goal_k
    FROM touch t LEFT JOIN goal ON goal.case_id = t.case_id AND goal.label = t.label
)
SELECT case_id, profile, journey, k, label, at_us, n_steps, goal_k IS NOT NULL AS arrived,
       lag(k) OVER (PARTITION BY case_id, profile, journey, label ORDER BY k) AS k_before,
       row_number() OVER (PARTITION BY case_id, profile, journey, label ORDER BY k) AS visit
FROM arrival WHERE goal_k IS NULL OR k < goal_k;
