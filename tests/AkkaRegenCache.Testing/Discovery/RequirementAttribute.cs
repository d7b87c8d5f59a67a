namespace AkkaRegenCache.Testing.Discovery;

/// <summary>What the shared tests of a suite need of the machine. Where it is missing they are skipped, and say so.</summary>
[AttributeUsage(AttributeTargets.Assembly)]
public abstract class RequirementAttribute : Attribute
{
    /// <summary>Why it is missing; null where it isn't.</summary>
    public abstract string? WhyMissing { get; }
}
