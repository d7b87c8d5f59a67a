namespace AkkaRegenCache.Demo.Farm;

/// <summary>What a node's own process is told.</summary>
/// <param name="Origin">Where values come from.</param>
/// <param name="Redis">The address of Redis; null: without.</param>
/// <param name="Cluster">The address of a member of the cluster to join; <see cref="First"/>: it begins one; <see cref="None"/>: without.</param>
/// <param name="IsNewcomer">Whether it joins while clients read.</param>
internal sealed record NodeArguments(Uri Origin, string? Redis, string Cluster, bool IsNewcomer)
{
    public const string None = "none";
    public const string First = "first";

    private const string Mark = "node";
    private const string Newcomer = "newcomer";
    private const string Founder = "founder";

    /// <summary>Null: it is the demo's command line, and none of a node.</summary>
    public static NodeArguments? Parse(string[] arguments) => arguments is [Mark, var origin, var redis, var cluster, var role]
        ? new NodeArguments(new Uri(origin), redis == None ? null : redis, cluster, role == Newcomer)
        : null;

    public IEnumerable<string> ToArguments() => [Mark, Origin.ToString(), Redis ?? None, Cluster, IsNewcomer ? Newcomer : Founder];
}
