namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>Percentiles of few enough numbers to keep them all.</summary>
internal static class Percentile
{
    /// <summary>The smallest number that so large a share of them doesn't exceed; null where there are none.</summary>
    public static double? Of(IReadOnlyCollection<double> numbers, double share)
    {
        if (numbers.Count == 0)
            return null;
        var sorted = numbers.Order().ToArray();
        return Math.Round(sorted[Math.Max(0, (int)Math.Ceiling(sorted.Length * share) - 1)], 2);
    }
}
