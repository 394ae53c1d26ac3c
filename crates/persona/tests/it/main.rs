//! Discovery on planted shops: what is planted is found, what is said is true, nothing is invented.

#[cfg(test)]
mod claims;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod foresight;
#[cfg(test)]
mod lineage;
mod market;
#[cfg(test)]
mod meaning;
#[cfg(test)]
mod method;
#[cfg(test)]
mod model;
#[cfg(test)]
mod partial;
#[cfg(test)]
mod scale;
#[cfg(test)]
mod shift;
#[cfg(test)]
mod shop;
mod side_by_side;
