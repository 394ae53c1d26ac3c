//! A mixture as bytes: its components, from which everything else follows.

use crate::error::LearnError;
use crate::mixture::kernel::Kernel;
use crate::mixture::{Components, Convergence, Covariance, GaussianMixture};
use crate::state::{State, StateReader, StateWriter, require};

crate::state_of_variants!(Covariance, "a covariance", {
    0 => Covariance::Diagonal,
    1 => Covariance::Full,
});
crate::state_of_variants!(Convergence, "whether a fit came to rest", {
    0 => Convergence::Converged,
    1 => Convergence::StoppedAtMax,
});
crate::state_of_fields!(Components { covariance, n_columns, weights, means, spreads }, |read| {
    let of_each = |n_values: usize| read.weights.len().checked_mul(n_values);
    require(!read.weights.is_empty() && read.n_columns > 0, "a mixture")?;
    require(read.weights.iter().all(|weight| *weight > 0.0), "the weight of a component")?;
    require(of_each(read.n_columns) == Some(read.means.len()), "the means of a mixture")?;
    // Read, the means have proved the number of columns to be small.
    let n_spreads = of_each(read.covariance.n_values(read.n_columns));
    let variances = read.covariance == Covariance::Full || read.spreads.iter().all(|variance| *variance > 0.0);
    require(variances, "the spreads of a mixture")?;
    require(n_spreads == Some(read.spreads.len()), "the spreads of a mixture")
});

/// Without the labels of the fitted rows; the kernel follows from the components.
impl State for GaussianMixture {
    fn write(&self, writer: &mut StateWriter) {
        self.components.write(writer);
        writer.items(self.kernel.centre());
        self.log_likelihood.write(writer);
        self.n_iter.write(writer);
        self.convergence.write(writer);
    }

    fn read(reader: &mut StateReader<'_>) -> Result<Self, LearnError> {
        let components = Components::read(reader)?;
        let centre: Vec<f32> = reader.items(components.n_columns)?;
        let kernel = Kernel::new(&components, &centre);
        let (log_likelihood, (n_iter, convergence)) = State::read(reader)?;
        Ok(GaussianMixture { components, kernel, labels: Vec::new(), log_likelihood, n_iter, convergence })
    }
}
