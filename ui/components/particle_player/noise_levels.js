// Noise levels of a chain.

// As `vae.diffusion.noise_schedule.noise_level`.
export const levelAt = (time, schedule, greatest) => {
  const level = schedule === 'cosine' ? Math.abs(Math.tan((Math.PI / 2) * time)) : Math.sqrt(Math.expm1(0.1 * time + 9.95 * time * time));
  return Math.min(level, greatest);
};
