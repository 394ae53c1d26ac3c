//! Matrices in files of NumPy's, for the benchmarks.

use std::fs::File;
use std::io::Read;

use throng_learn::Matrix;

/// Bytes read at a time: the file is never in memory as well, so that it does not show in the peak.
/// Little enough that the system's allocator does not learn from it to keep what is freed.
const BLOCK_N_BYTES: usize = 1 << 16;

/// Reads a matrix of `f32` as NumPy writes it: a magic word, a header in Python's syntax, the values.
pub(crate) fn read(path: &str) -> Matrix {
    let mut file = File::open(path).unwrap();
    let mut start = [0_u8; 10];
    file.read_exact(&mut start).unwrap();
    assert!(start.starts_with(b"\x93NUMPY\x01"), "{path} is no file of NumPy's, version 1");
    let mut header = vec![0_u8; usize::from(u16::from_le_bytes([start[8], start[9]]))];
    file.read_exact(&mut header).unwrap();
    let header = std::str::from_utf8(&header).unwrap();
    assert!(header.contains("'<f4'") && header.contains("'fortran_order': False"), "{path}: {header}");
    let shape = header.split_once('(').unwrap().1.split_once(')').unwrap().0;
    let sizes: Vec<usize> = shape.split(',').map(|size| size.trim().parse().unwrap()).collect();
    let mut values = Vec::with_capacity(sizes[0] * sizes[1]);
    let mut block = vec![0_u8; BLOCK_N_BYTES];
    let mut n_left = sizes[0] * sizes[1] * 4;
    while n_left > 0 {
        let block = &mut block[..n_left.min(BLOCK_N_BYTES)];
        file.read_exact(block).unwrap();
        let (words, _) = block.as_chunks::<4>();
        values.extend(words.iter().map(|&word| f32::from_le_bytes(word)));
        n_left -= block.len();
    }
    Matrix::new(sizes[1], values).unwrap()
}
