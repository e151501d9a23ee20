//! Four numbers at a time, in one fixed order: the same bits on every processor.
//!
//! The baseline of the architecture lets the compiler use two lanes at most. Where the processor has AVX2, `pulp` gives
//! four without an unsafe line here, which makes a sweep twice as fast. Both ways do the same operations on the same
//! numbers in the same order and fuse nothing, so no result depends on the machine.

/// Lanes at a time.
pub(super) const LANES: usize = 4;

/// Arithmetic on four lanes.
pub(super) trait Lanes: Copy {
    /// Four numbers.
    type V: Copy;

    fn load(self, from: &[f64; LANES]) -> Self::V;
    fn store(self, lanes: Self::V) -> [f64; LANES];
    fn splat(self, value: f64) -> Self::V;
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// 1 where a lane is above 0, else 0.
    fn positive(self, a: Self::V) -> Self::V;
    /// One bit for each place, the lowest first: whether `a` is above `b`. A comparison with NaN is false.
    fn above(self, a: &[f64; 64], b: &[f64; 64]) -> u64;
}

/// What every processor can do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plain;

/// Work that runs on whichever lanes are there.
pub(super) trait Work {
    /// What comes of it.
    type Output;

    /// Does it. Must be `#[inline(always)]`, as everything it calls on the way to the lanes, to be compiled for them.
    fn on<L: Lanes>(self, lanes: L) -> Self::Output;
}

/// Does the work on the widest lanes of this processor.
pub(super) fn on_best<W: Work>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(wide) = wide::find() {
        return wide::on(wide, work);
    }
    work.on(Plain)
}

/// What the lanes of this processor are made of.
pub(super) fn instructions() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if wide::find().is_some() {
        return "AVX2";
    }
    "baseline"
}

impl Lanes for Plain {
    type V = [f64; LANES];

    #[inline(always)]
    fn load(self, from: &[f64; LANES]) -> Self::V {
        *from
    }

    #[inline(always)]
    fn store(self, lanes: Self::V) -> [f64; LANES] {
        lanes
    }

    #[inline(always)]
    fn splat(self, value: f64) -> Self::V {
        [value; LANES]
    }

    #[inline(always)]
    fn add(self, a: Self::V, b: Self::V) -> Self::V {
        [a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3]]
    }

    #[inline(always)]
    fn sub(self, a: Self::V, b: Self::V) -> Self::V {
        [a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3]]
    }

    #[inline(always)]
    fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        [a[0] * b[0], a[1] * b[1], a[2] * b[2], a[3] * b[3]]
    }

    #[inline(always)]
    fn div(self, a: Self::V, b: Self::V) -> Self::V {
        [a[0] / b[0], a[1] / b[1], a[2] / b[2], a[3] / b[3]]
    }

    #[inline(always)]
    fn positive(self, a: Self::V) -> Self::V {
        a.map(|lane| if lane > 0.0 { 1.0 } else { 0.0 })
    }

    #[inline(always)]
    fn above(self, a: &[f64; 64], b: &[f64; 64]) -> u64 {
        let mut flags = [0_u8; 64];
        for ((flag, a), b) in flags.iter_mut().zip(a).zip(b) {
            *flag = u8::from(a > b);
        }
        let (eights, _) = flags.as_chunks::<8>();
        // The product gathers the lowest bit of each of eight bytes in the highest byte.
        let gather = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        eights.iter().rev().fold(0, |word, eight| word << 8 | gather(eight))
    }
}

#[cfg(target_arch = "x86_64")]
mod wide {
    //! AVX2.

    use pulp::NullaryFnOnce;
    use pulp::cast;
    use pulp::f64x4;
    use pulp::x86::V3;

    use super::LANES;
    use super::Lanes;
    use super::Work;

    /// The proof that the processor has AVX2; it is asked once and remembered.
    pub(super) fn find() -> Option<V3> {
        V3::try_new()
    }

    pub(super) fn on<W: Work>(wide: V3, work: W) -> W::Output {
        struct Call<W>(V3, W);
        impl<W: Work> NullaryFnOnce for Call<W> {
            type Output = W::Output;

            #[inline(always)]
            fn call(self) -> W::Output {
                self.1.on(self.0)
            }
        }
        wide.vectorize(Call(wide, work))
    }

    impl Lanes for V3 {
        type V = f64x4;

        #[inline(always)]
        fn load(self, from: &[f64; LANES]) -> f64x4 {
            f64x4(from[0], from[1], from[2], from[3])
        }

        #[inline(always)]
        fn store(self, lanes: f64x4) -> [f64; LANES] {
            [lanes.0, lanes.1, lanes.2, lanes.3]
        }

        #[inline(always)]
        fn splat(self, value: f64) -> f64x4 {
            self.splat_f64x4(value)
        }

        #[inline(always)]
        fn add(self, a: f64x4, b: f64x4) -> f64x4 {
            cast(self.avx._mm256_add_pd(cast(a), cast(b)))
        }

        #[inline(always)]
        fn sub(self, a: f64x4, b: f64x4) -> f64x4 {
            cast(self.avx._mm256_sub_pd(cast(a), cast(b)))
        }

        #[inline(always)]
        fn mul(self, a: f64x4, b: f64x4) -> f64x4 {
            cast(self.avx._mm256_mul_pd(cast(a), cast(b)))
        }

        #[inline(always)]
        fn div(self, a: f64x4, b: f64x4) -> f64x4 {
            cast(self.avx._mm256_div_pd(cast(a), cast(b)))
        }

        #[inline(always)]
        fn positive(self, a: f64x4) -> f64x4 {
            let above = self.cmp_gt_f64x4(a, self.splat_f64x4(0.0));
            self.select_f64x4(above, self.splat_f64x4(1.0), self.splat_f64x4(0.0))
        }

        #[inline(always)]
        fn above(self, a: &[f64; 64], b: &[f64; 64]) -> u64 {
            let (a, _) = a.as_chunks::<LANES>();
            let (b, _) = b.as_chunks::<LANES>();
            let mut word = 0;
            for (at, (a, b)) in a.iter().zip(b).enumerate() {
                let above = self.cmp_gt_f64x4(self.load(a), self.load(b));
                let bits = self.avx._mm256_movemask_pd(cast(above));
                word |= u64::from(bits.cast_unsigned()) << (LANES * at);
            }
            word
        }
    }
}
