namespace AkkaRegenCache.Testing;

/// <summary>How much of the suites runs.</summary>
internal static class Extent
{
    /// <summary>Set in the project file of a suite where a farm takes a third of a second to start, as in a cluster.</summary>
    private const string FarmsStartSlowly = "AkkaRegenCache.Testing.FarmsStartSlowly";

    /// <summary>Whether all runs that there is: <c>REGENCACHE_TESTS=full</c>, which <c>./test.sh --full</c> sets.</summary>
    public static bool IsFull { get; } = Environment.GetEnvironmentVariable("REGENCACHE_TESTS") == "full";

    /// <summary>Cases of a theory that take long, or much beside them: none but in full.</summary>
    public static T[] OfLong<T>(params T[] cases) => IsFull ? cases : [];

    /// <summary>Cases of a theory: all of them where a farm is quick to start; else every third and the last.</summary>
    public static IEnumerable<T> Of<T>(params T[] cases) =>
        IsFull || !(AppContext.TryGetSwitch(FarmsStartSlowly, out var slow) && slow)
            ? cases
            : cases.Where((_, i) => i % 3 == 0 || i == cases.Length - 1);
}
